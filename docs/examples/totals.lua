-- totals.lua: the sum of a number per customer, from lines such as
-- "alice;2024-05-01;12.50". Lines that are no such thing are logged and left.
local topic = tranche.arg("topic", "payments")
local least = tranche.arg("least", 0)

tranche.source { topic = topic }
  :flat_map(function(r, emit)
    local who, amount = (r.value or ""):match("^([^;]+);[^;]*;([%d.]+)$")
    if not who then
      log("no payment:", r.value)
      return
    end
    amount = tonumber(amount)
    if amount and amount >= least then emit(who, amount) end
  end)
  :reduce_by_key("sum")
  :store { name = "totals", mode = "upsert" }
  :print { top = 20 }

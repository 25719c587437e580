-- wordcount.lua
local lines = tranche.source { topic = tranche.arg("topic", "lines") }
lines:flat_map(function(r, emit)
    for w in r.value:gmatch("%S+") do emit(w, 1) end
  end)
  :reduce_by_key("sum")
  :store("counts")
  :print { top = 10 }

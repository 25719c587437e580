-- union.lua: keys that occur in either of two topics, and how often
local a = tranche.source { topic = tranche.arg("first", "clicks") }
local b = tranche.source { topic = tranche.arg("second", "views") }

a:union(b)
  :filter(function(r) return r.key ~= nil end)
  :count_by_key()
  :store("seen")
  :print { limit = 50 }

-- sample.lua: about one record in a hundred, the same ones in every run of a
-- batch, with where each came from
local share = tranche.arg("share", 0.01)

tranche.source { topic = tranche.arg("topic", "lines") }
  :filter(function() return math.random() < share end)
  :map(function(r)
    return r.topic .. "-" .. r.partition .. "@" .. r.offset, r.value
  end)
  :store("sample")

-- errors.lua: which services log errors, with the last message of each
tranche.source { topic = tranche.arg("topic", "logs") }
  :filter(function(r)
    return r.value ~= nil and r.value:find("level=error", 1, true) ~= nil
  end)
  :key_by(function(r)
    return r.value:match("service=(%S+)") or "unknown"
  end)
  :map_values(function(v)
    return { count = 1, last = v:match('msg="([^"]*)"') or v }
  end)
  :reduce_by_key(function(a, b)
    return { count = a.count + b.count, last = b.last }
  end)
  :store("errors")
  :print()

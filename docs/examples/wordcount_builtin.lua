-- wordcount_builtin.lua: the same counts, without entering Lua per record
local lines = tranche.source { topic = tranche.arg("topic", "lines") }
lines:split():count_by_value():store("counts"):print { top = 10 }

-- What a script builds its plan with: tranche.source and the methods of
-- datasets. Each call appends one operator; plan.c turns host.operators into
-- the JobPlan. Every mistake is an error of one line at the script's own line.
local host = ...
local refuse, limits, null = host.refuse, host.limits, host.null
local type, tostring, tonumber, select = type, host.text, tonumber, select
local setmetatable, pairs, ipairs = setmetatable, pairs, ipairs
local floor, min, huge = math.floor, math.min, math.huge
local getinfo = host.getinfo
local sort, concat = table.sort, table.concat

local operators = {}
local functions = {} -- by operator
local loaded = false

-- ---------------------------------------------------------- suggestions

-- Edit distance, swapped neighbours counting as one.
local function distance(a, b)
	local before, above = {}, {}
	for j = 0, #b do
		above[j] = j
	end
	for i = 1, #a do
		local row = { [0] = i }
		for j = 1, #b do
			local same = a:byte(i) == b:byte(j)
			row[j] = min(above[j] + 1, row[j - 1] + 1,
				above[j - 1] + (same and 0 or 1))
			if i > 1 and j > 1 and a:byte(i) == b:byte(j - 1)
				and a:byte(i - 1) == b:byte(j) then
				row[j] = min(row[j], before[j - 2] + 1)
			end
		end
		before, above = above, row
	end
	return above[#b]
end

-- " (did you mean 'x'?)" for the nearest of the names, or "".
local function suggest(name, names)
	local best, best_d = nil, 1 + floor(#name / 3)
	if #name > 64 then
		return ""
	end
	for _, candidate in ipairs(names) do
		local d = distance(name, candidate)
		if d < best_d or (d == best_d and not best) then
			best, best_d = candidate, d
		end
	end
	return best and (" (did you mean '%s'?)"):format(best) or ""
end
host.suggest = suggest

local function names_of(t)
	local names = {}
	for name in pairs(t) do
		names[#names + 1] = name
	end
	sort(names)
	return names
end

-- --------------------------------------------------------------- checks

local function described(v)
	if v == nil then
		return "nothing"
	elseif type(v) == "string" then
		return #v <= 40 and "'" .. v .. "'" or "a long string"
	elseif type(v) == "number" then
		return tostring(v)
	end
	return "a " .. type(v)
end

local function check_options(what, options, known)
	if type(options) ~= "table" then
		refuse("%s wants a table of options, got %s", what,
			described(options))
	end
	for name in pairs(options) do
		if type(name) ~= "string" or not known[name] then
			local shown = tostring(name)
			refuse("%s has no option '%s'%s", what, shown,
				suggest(shown, names_of(known)))
		end
	end
	return options
end

local function check_count(what, n, most)
	if type(n) ~= "number" or n < 1 or n ~= floor(n) or n > most then
		refuse("%s must be a whole number from 1 to %.0f, got %s", what,
			most, described(n))
	end
	return n
end

local function check_topic(topic)
	if type(topic) ~= "string" then
		refuse("topic must be a string, got %s", described(topic))
	elseif #topic == 0 or #topic > limits.topic
		or topic == "." or topic == ".."
		or topic:find("[^%w._-]") then
		refuse("%s is no topic name", described(topic))
	end
	return topic
end

local function check_nothing(what, ...)
	if select("#", ...) > 0 then
		refuse("%s takes no arguments", what)
	end
end

-- --------------------------------------------------------------- places

local function script_place(info)
	return info.short_src .. ":" .. info.currentline
end

-- The line of the script that is being run.
local function place()
	for level = 3, 30 do
		local info = getinfo(level, "Sl")
		if not info then
			break
		elseif info.source == host.source then
			return script_place(info)
		end
	end
	return host.name
end

-- The line of a user's function, or of the call that names it.
local function function_place(fn)
	local info = getinfo(fn, "S")
	if info.source == host.source then
		return info.short_src .. ":" .. info.linedefined
	end
	return place()
end

-- -------------------------------------------------------------- datasets

local id_of = setmetatable({}, { __mode = "k" }) -- by dataset
local methods = {}

local dataset_meta = {
	__index = function(_, name)
		local method = methods[name]
		if not method then
			refuse("a dataset has no method '%s'%s", tostring(name),
				suggest(tostring(name), names_of(methods)))
		end
		return method
	end,
	__newindex = function(_, name)
		refuse("a dataset has no field '%s' to set", tostring(name))
	end,
	__tostring = function()
		return "dataset"
	end,
	__metatable = false,
}

local function append(op)
	if loaded then
		refuse("'%s' inside an operator: the plan is built once, "
			.. "while the script is loaded", op.kind)
	elseif #operators == limits.operators then
		refuse("more than %d operators", limits.operators)
	end
	op.id = #operators
	op.where = op.where or place()
	op.inputs = op.inputs or {}
	operators[#operators + 1] = op
	for _, input in ipairs(op.inputs) do
		operators[input + 1].used = true
	end
	local dataset = host.protect(setmetatable({}, dataset_meta))
	id_of[dataset] = op.id
	return dataset
end

local function id(self, method)
	local input = id_of[self]
	if not input then
		refuse("%s is a method of datasets: write dataset:%s(…)", method,
			method)
	end
	return input
end

local function with_function(kind)
	methods[kind] = function(self, fn, ...)
		local input = id(self, kind)
		if type(fn) ~= "function" then
			refuse("%s wants a function, got %s", kind, described(fn))
		end
		check_nothing("beside its function " .. kind, ...)
		local dataset = append { kind = kind, inputs = { input },
			where = function_place(fn) }
		functions[id_of[dataset]] = fn
		return dataset
	end
end

local function without_arguments(kind)
	methods[kind] = function(self, ...)
		local input = id(self, kind)
		check_nothing(kind, ...)
		return append { kind = kind, inputs = { input } }
	end
end

with_function("map")
with_function("filter")
with_function("flat_map")
with_function("map_values")
with_function("key_by")
without_arguments("split")
without_arguments("count")
without_arguments("count_by_value")
without_arguments("count_by_key")
without_arguments("distinct")

local REDUCERS = { sum = true, count = true, min = true, max = true,
	first = true, last = true }

function methods.reduce_by_key(self, how)
	local input = id(self, "reduce_by_key")
	if type(how) == "function" then
		local dataset = append { kind = "reduce_by_key",
			inputs = { input }, reducer = "user",
			where = function_place(how) }
		functions[id_of[dataset]] = how
		return dataset
	elseif type(how) ~= "string" then
		refuse("reduce_by_key wants a function or the name of one, "
			.. "got %s", described(how))
	elseif not REDUCERS[how] then
		refuse("reduce_by_key knows no '%s'%s: %s, or a function", how,
			suggest(how, names_of(REDUCERS)),
			concat(names_of(REDUCERS), ", "))
	end
	return append { kind = "reduce_by_key", inputs = { input },
		reducer = how }
end

local function union(...)
	local inputs = {}
	for i = 1, select("#", ...) do
		local other = id_of[(select(i, ...))]
		if not other then
			refuse("union wants datasets, got %s",
				described((select(i, ...))))
		end
		inputs[i] = other
	end
	if #inputs < 2 then
		refuse("union wants at least two datasets")
	end
	return append { kind = "union", inputs = inputs }
end

function methods.union(self, ...)
	id(self, "union")
	return union(self, ...)
end

function methods.take(self, n)
	local input = id(self, "take")
	return append { kind = "take", inputs = { input },
		limit = check_count("take(n)", n, limits.exact) }
end

local STORE_OPTIONS = { name = true, table = true, mode = true }
local STORE_MODES = { replace = true, upsert = true }
local tables = {} -- by name: where it is stored to

function methods.store(self, options)
	local input = id(self, "store")
	if type(options) == "string" then
		options = { name = options }
	end
	check_options("store", options, STORE_OPTIONS)
	local name, mode = options.name or options.table, options.mode
	if options.name and options.table then
		refuse("store wants a name or a table, not both: "
			.. "they are one option")
	elseif type(name) ~= "string" then
		refuse("store wants the name of a table, got %s", described(name))
	elseif #name == 0 or #name > limits.name
		or name:find("[^%w._-]") then
		refuse("%s is no name for a table: letters, digits, '.', '_' "
			.. "and '-', at most %d", described(name), limits.name)
	elseif mode ~= nil and not STORE_MODES[mode] then
		refuse("mode of a store is 'replace' or 'upsert', got %s",
			described(mode))
	elseif tables[name] then
		refuse("table '%s' is already stored to at %s", name,
			tables[name])
	end
	tables[name] = place()
	return append { kind = "store", inputs = { input }, table = name,
		mode = mode or "replace" }
end

local PRINT_OPTIONS = { top = true, limit = true }

function methods.print(self, options)
	local input = id(self, "print")
	options = options or {}
	check_options("print", options, PRINT_OPTIONS)
	local top, limit = options.top, options.limit
	if top ~= nil and limit ~= nil then
		refuse("print takes top or limit, not both")
	elseif top ~= nil then
		check_count("top", top, limits.rows)
	elseif limit ~= nil then
		check_count("limit", limit, limits.rows)
	end
	return append { kind = "print", inputs = { input },
		limit = top or limit or 0, top = top ~= nil }
end

-- --------------------------------------------------------------- sources

local SOURCE_OPTIONS = { topic = true, offsets = true, ranges = true }
local RANGE_FIELDS = { "topic", "partition", "from", "until" }

local function check_offset(what, i, v, most)
	if type(v) ~= "number" or v < 0 or v ~= floor(v) or v > most then
		refuse("range %d: %s must be a whole number from 0 to %.0f, "
			.. "got %s", i, what, most, described(v))
	end
	return v
end

local function check_range(range, i)
	if type(range) ~= "table" then
		refuse("range %d: wants { topic, partition, from, until }, "
			.. "got %s", i, described(range))
	end
	local r = {}
	for at, field in ipairs(RANGE_FIELDS) do
		r[field] = range[at]
		if r[field] == nil then
			r[field] = range[field]
		end
	end
	for k in pairs(range) do
		if not (RANGE_FIELDS[k] or r[k]) then
			refuse("range %d: wants { topic, partition, from, "
				.. "until }, nothing else", i)
		end
	end
	check_topic(r.topic)
	check_offset("partition", i, r.partition, 2147483647)
	check_offset("from", i, r.from, limits.exact)
	check_offset("until", i, r["until"], limits.exact)
	if r.from > r["until"] then
		refuse("range %d: from %.0f is beyond until %.0f", i, r.from,
			r["until"])
	end
	return r
end

local function check_ranges(ranges)
	if type(ranges) ~= "table" or #ranges == 0 then
		refuse("ranges must be a list of { topic, partition, from, "
			.. "until }, got %s", type(ranges) == "table"
			and "an empty one" or described(ranges))
	end
	local list = {}
	for i, range in ipairs(ranges) do
		list[i] = check_range(range, i)
	end
	return list
end

local function source(options)
	if options == nil then
		refuse("source wants a topic: "
			.. "tranche.source { topic = \"…\" }")
	end
	check_options("source", options, SOURCE_OPTIONS)
	local topic, offsets = options.topic, options.offsets
	if options.ranges ~= nil then
		if topic ~= nil or offsets ~= nil then
			refuse("source takes ranges or a topic, not both")
		end
		return append { kind = "source",
			ranges = check_ranges(options.ranges) }
	elseif topic == nil then
		refuse("source wants a topic: "
			.. "tranche.source { topic = \"…\" }")
	end
	if type(offsets) == "number" then
		offsets = ("%.0f"):format(offsets)
	elseif offsets ~= nil and type(offsets) ~= "string" then
		refuse("offsets must be a string, got %s", described(offsets))
	end
	return append { kind = "source", topic = check_topic(topic),
		offsets = offsets }
end

-- ------------------------------------------------------------- arguments

local asked = {}

local function as_number(name, given)
	local n = tonumber(given)
	if not n or n ~= n or n == huge or n == -huge then
		refuse("argument '%s' must be a number, got '%s'", name, given)
	end
	return n
end

local function as_boolean(name, given)
	if given ~= "true" and given ~= "false" then
		refuse("argument '%s' must be true or false, got '%s'", name,
			given)
	end
	return given == "true"
end

local function arg(name, default)
	if loaded then
		refuse("tranche.arg inside an operator: ask for '%s' once, "
			.. "outside", tostring(name))
	elseif type(name) ~= "string" or not name:find("^[%a_][%w_-]*$") then
		refuse("%s is no name for an argument", described(name))
	end
	local given, kind = host.arguments[name], type(default)
	asked[name] = true
	if kind ~= "nil" and kind ~= "string" and kind ~= "number"
		and kind ~= "boolean" then
		refuse("the default of argument '%s' must be a string, "
			.. "a number or a boolean, got a %s", name, kind)
	elseif given == nil then
		if default == nil then
			refuse("argument '%s' is missing: give %s=…", name, name)
		end
		return default
	elseif kind == "number" then
		return as_number(name, given)
	elseif kind == "boolean" then
		return as_boolean(name, given)
	end
	return given
end

-- ------------------------------------------------------- time, null, maps

local function now()
	if not loaded then
		refuse("tranche.now() is the batch's time, which only operators "
			.. "know: the plan must not depend on it")
	end
	return host.batch_time
end

-- Tells a map from a list where the keys do not: an empty one, or 1 … n.
local map_meta = { __metatable = false }
host.map_meta = map_meta

local function map(t)
	if type(t) ~= "table" then
		refuse("tranche.map wants a table, got %s", described(t))
	end
	return setmetatable(t, map_meta)
end

local tranche = { source = source, union = union, arg = arg, now = now,
	null = null, map = map }

setmetatable(tranche, {
	__index = function(_, name)
		if name == "batch_time" then
			return now()
		end
		local known = names_of(tranche)
		known[#known + 1] = "batch_time"
		refuse("there is no tranche.%s%s", tostring(name),
			suggest(tostring(name), known))
	end,
})
host.globals.tranche = host.library("tranche", tranche)

-- ---------------------------------------------------------------- the end

local function check_arguments()
	local known = names_of(asked)
	for _, name in ipairs(names_of(host.arguments)) do
		if not asked[name] and #known == 0 then
			refuse("unknown argument '%s': %s takes none", name,
				host.name)
		elseif not asked[name] then
			refuse("unknown argument '%s'%s: %s takes %s", name,
				suggest(name, known), host.name,
				concat(known, ", "))
		end
	end
end

-- Runs after the script: what the whole must look like.
function host.finish()
	check_arguments()
	loaded = true
	if #operators == 0 then
		return "it builds no dataset: begin with tranche.source { … } "
			.. "and end with :store(…) or :print()", host.name
	end
	for _, op in ipairs(operators) do
		if not op.used and op.kind ~= "store" and op.kind ~= "print" then
			return "nothing uses this dataset: end it with "
				.. ":store(…) or :print()", op.where
		end
	end
	tranche.batch_time = host.batch_time
	host.freeze()
end

host.operators = operators
host.functions = functions

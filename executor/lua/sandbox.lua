-- The environment of a script: what of Lua only computes, with the parts
-- replaced that would differ from run to run (order of pairs, random numbers,
-- addresses in tostring). Nothing here hands out a table that it uses itself:
-- users see empty proxies that can be read through and not written.
local host = ...
local native = host.native
local error, type, tostring, tonumber = error, type, tostring, tonumber
local getmetatable, setmetatable, next = getmetatable, setmetatable, next
local rawset, rawget = rawset, rawget
local select, unpack, ipairs = select, unpack, ipairs
local string, table, math = string, table, math
local find, gsub, gmatch = string.find, string.gsub, string.gmatch
local sort, concat = table.sort, table.concat
local floor = math.floor
local real_metatable = host.getmetatable

-- Errors are raised without a position: the C side looks for the script's own
-- line on the stack (failure.c), which is the one a user wants.
local function refuse(fmt, ...)
	error(string.format(fmt, ...), 0)
end
host.refuse = refuse

-- tostring without addresses: scripts can catch errors and look at their text.
local text

-- ------------------------------------------------------------- proxies

local protected = setmetatable({}, { __mode = "k" })

-- An empty table that reads from `from` and refuses writes with `why`.
local function proxy(from, why)
	local p = setmetatable({}, {
		__index = from,
		__newindex = function(_, k)
			refuse(why, text(k))
		end,
		__metatable = false,
	})
	protected[p] = true
	return p
end
host.is_protected = function(t)
	return protected[t]
end
host.protect = function(t)
	protected[t] = true
	return t
end

local function pick(from, names)
	local to = {}
	for name in gmatch(names, "%S+") do
		to[name] = from[name]
	end
	return to
end

local function library(name, content)
	return proxy(content, "'" .. name .. ".%s' cannot be set: "
		.. "libraries are read-only")
end

-- ------------------------------------------------------ text of values

-- int64 are plain digits, too.
function text(v)
	local t = type(v)
	if t == "string" then
		return v
	elseif t == "number" or t == "boolean" or t == "nil" then
		return tostring(v)
	elseif t == "cdata" then
		return (gsub(tostring(v), "U?LL$", ""))
	elseif t == "userdata" then
		return "null"
	end
	local meta = real_metatable(v)
	if type(meta) == "table" and meta.__tostring then
		local shown = meta.__tostring(v)
		if type(shown) ~= "string" then
			refuse("'tostring' must return a string")
		end
		return shown
	end
	return t
end
host.text = text

-- The stock format would put addresses into "%s" of a table and into "%p".
local function format_slowly(fmt, ...)
	local args, n = { ... }, 0
	for letter in gmatch(gsub(fmt, "%%%%", ""), "%%[-+ #0-9.]*(%a?)") do
		n = n + 1
		if letter == "p" then
			refuse("'%%p' shows an address, which is never the same")
		elseif letter == "s" then
			args[n] = text(args[n])
		end
	end
	return string.format(fmt, unpack(args, 1, select("#", ...)))
end

local function format(fmt, ...)
	local plain = type(fmt) == "string" and not find(fmt, "p", 1, true)
	for i = 1, select("#", ...) do
		local t = type((select(i, ...)))
		if t ~= "string" and t ~= "number" then
			plain = false
		end
	end
	if plain then
		return string.format(fmt, ...)
	end
	return format_slowly(fmt, ...)
end

-- ------------------------------------------------------ order of tables

local RANK = { boolean = 1, number = 2, cdata = 2, string = 3 }

local function before(a, b)
	local ra, rb = RANK[type(a)], RANK[type(b)]
	if ra ~= rb then
		return ra < rb
	elseif ra == 1 then
		return not a and b
	end
	return a < b
end

local function sorted_keys(t)
	local keys, n = {}, 0
	for k in next, t do
		if not RANK[type(k)] then
			refuse("keys that are a %s have no order to walk in", type(k))
		end
		n = n + 1
		keys[n] = k
	end
	sort(keys, before)
	return keys
end

-- Whether the keys of t are 1 … #t: then there is nothing to sort.
local function is_sequence(t)
	local n, count = #t, 0
	for _ in next, t do
		count = count + 1
	end
	if count ~= n then
		return false
	end
	for i = 1, n do
		if t[i] == nil then
			return false
		end
	end
	return true
end

local function walk(state)
	local t, keys = state.t, state.keys
	for i = state.at, state.n do
		local k = i
		if keys then
			k = keys[i]
		end
		local v = rawget(t, k)
		if v ~= nil then
			state.at = i + 1
			return k, v
		end
	end
	state.at = state.n + 1
	return nil
end

local function check_table(name, t)
	if type(t) ~= "table" then
		refuse("bad argument #1 to '%s' (table expected, got %s)", name,
			t == nil and "nil" or type(t))
	end
end

local function ordered_pairs(t)
	check_table("pairs", t)
	if is_sequence(t) then
		return walk, { t = t, n = #t, at = 1 }, nil
	end
	local keys = sorted_keys(t)
	return walk, { t = t, keys = keys, n = #keys, at = 1 }, nil
end

-- next in the order of pairs. The keys of the table it was last called with
-- are kept, so that a loop over it does not sort at each step.
local last = { t = nil, keys = nil, at = nil }

local function ordered_next(t, k)
	check_table("next", t)
	if k == nil then
		last.t, last.keys, last.at = t, sorted_keys(t), 0
	elseif last.t ~= t or last.keys[last.at] ~= k then
		last.t, last.keys, last.at = t, sorted_keys(t), nil
		for i, key in ipairs(last.keys) do
			if key == k then
				last.at = i
			end
		end
		if not last.at then
			refuse("invalid key to 'next'")
		end
	end
	for i = last.at + 1, #last.keys do
		local v = rawget(t, last.keys[i])
		if v ~= nil then
			last.at = i
			return last.keys[i], v
		end
	end
	last.t = nil
	return nil
end

-- -------------------------------------------------------- random numbers

local draw = native.random

local function random(m, n)
	local x = draw(native.program)
	if m == nil then
		return x
	elseif n == nil then
		m, n = 1, m
	end
	if type(m) ~= "number" or type(n) ~= "number" or not (m <= n) then
		refuse("bad argument to 'random' (interval is empty)")
	end
	m, n = floor(m), floor(n)
	return floor(x * (n - m + 1)) + m
end

local function randomseed(x)
	native.seed(native.program, tonumber(x) or 0)
end

-- ----------------------------------------------------------- environment

local function log(...)
	local n = select("#", ...)
	local line
	if n == 1 then
		line = text((...))
	else
		local parts = { ... }
		for i = 1, n do
			parts[i] = text(parts[i])
		end
		line = concat(parts, "\t")
	end
	native.log(native.program, line, #line)
end

local strings = pick(string,
	"byte char find gsub len lower match rep reverse sub upper")
strings.format = format
strings.gmatch = host.gmatch

local maths = pick(math, "abs acos asin atan atan2 ceil cos cosh deg exp "
	.. "floor fmod frexp huge ldexp log log10 max min modf pi pow rad sin "
	.. "sinh sqrt tan tanh")
maths.random = random
maths.randomseed = randomseed

local globals = pick(_G, "assert error ipairs pcall xpcall rawequal rawget "
	.. "select tonumber type unpack _VERSION")
globals.string = library("string", strings)
globals.math = library("math", maths)
globals.table = library("table",
	pick(table, "concat insert maxn remove sort"))
globals.bit = library("bit", pick(bit, "tobit tohex bnot band bor bxor "
	.. "lshift rshift arshift rol ror bswap"))
globals.coroutine = library("coroutine",
	pick(coroutine, "create resume running status wrap yield"))
globals.tostring = text
globals.pairs = ordered_pairs
globals.next = ordered_next
globals.print = log
globals.log = log

globals.getmetatable = function(v)
	if type(v) == "table" then
		return getmetatable(v)
	end
	return nil
end

globals.setmetatable = function(t, meta)
	if type(meta) == "table" and rawget(meta, "__mode") ~= nil then
		refuse("weak tables are not there: "
			.. "what is left in one differs from run to run")
	end
	return setmetatable(t, meta)
end

globals.rawset = function(t, k, v)
	if protected[t] then
		refuse("'%s' cannot be set: the table is read-only", text(k))
	end
	return rawset(t, k, v)
end

-- ("x"):method() finds the same functions, and no way to the stock ones.
local string_meta = getmetatable("")
string_meta.__index = strings
string_meta.__metatable = false

local frozen = false

local env = setmetatable({}, {
	__index = globals,
	__newindex = function(_, k, v)
		if frozen then
			refuse("global '%s' written inside an operator: globals "
				.. "are read-only once the script is loaded, "
				.. "use a local", text(k))
		end
		globals[k] = v
	end,
	__metatable = false,
})
protected[env] = true
globals._G = env

host.globals = globals
host.env = env
host.library = library
host.freeze = function()
	frozen = true
end

-- string.gmatch for the patterns that jobs use most: one class, or one set in
-- brackets, followed by "+" ("%S+", "%w+", "[^,]+"). The stock function cannot
-- be compiled by LuaJIT and would drag the whole loop around it into the
-- interpreter. The result is the stock one's, byte for byte: the set is
-- learned from the stock matcher, and a single class with "+" matches exactly
-- the maximal runs of it. Every other pattern goes to the stock function.
local host = ...
local ffi = host.ffi
local scan, keep = host.native.scan, host.native.keep
local known = host.native.words
local NONE, HIT, NEW = 0, 1, 2
local find, char, sub = string.find, string.char, string.sub
local stock = string.gmatch
local type, setmetatable, error = type, setmetatable, error

-- Patterns seen, so that each is looked at once. A script that makes patterns
-- out of its data must not fill the heap with them.
local SETS_MAX = 256
local id_of, n_patterns = {}, 0 -- false: not a simple pattern
local sets = {}

local function is_simple(pattern)
	if find(pattern, "^%%[acdglpsuwxzACDGLPSUWXZ]%+$") then
		return true
	end
	-- A closing bracket or a trailing escape could end the set elsewhere.
	local inside = pattern:match("^%[%^?([^%[%]%^]+)%]%+$")
	return inside ~= nil and sub(inside, -1) ~= "%"
end

local function learn(pattern)
	local class = sub(pattern, 1, -2)
	local set = ffi.new("uint8_t[256]")
	for c = 0, 255 do
		set[c] = find(char(c), class) and 1 or 0
	end
	return set
end

local function look_at(pattern)
	if n_patterns == SETS_MAX then
		return false
	end
	local id = false
	if is_simple(pattern) then
		id = #sets + 1
		sets[id] = learn(pattern)
	end
	id_of[pattern] = id
	n_patterns = n_patterns + 1
	return id
end

local span = ffi.new("struct tr_lua_span")

-- Most words come again: a short one that is in the cache is not made into a
-- string a second time, which costs more than finding it (words.h).
local cache = {}

local function cut(text, found)
	local word = sub(text, span.begins + 1, span.ends)
	if found == NEW then
		cache[span.slot] = word
		keep(known, span.slot, word, #word)
	end
	return word
end

-- Called like the stock iterator, but a table: making a function would end
-- the compiled code. A user can see and spoil its fields, so none of them is a
-- pointer, and C checks the rest.
local words = {
	__call = function(self)
		local text, set = self.text, sets[self.id]
		if not set then
			error("the iterator is spoilt", 0)
		end
		local found = scan(known, set, text, #text, self.at, span)
		if found == NONE then
			return
		end
		self.at = span.ends
		if found == HIT then
			return cache[span.slot]
		end
		return cut(text, found)
	end,
	__metatable = false,
}

host.gmatch = function(text, pattern)
	if type(text) == "string" and type(pattern) == "string" then
		local id = id_of[pattern]
		if id == nil then
			id = look_at(pattern)
		end
		if id then
			return setmetatable(
				{ text = text, at = 0, id = id }, words)
		end
	end
	return stock(text, pattern)
end

-- string.gmatch for the patterns that jobs use most: one class, or one set in
-- brackets, followed by "+" ("%S+", "%w+", "[^,]+"). The stock function cannot
-- be compiled by LuaJIT and would drag the whole loop around it into the
-- interpreter. The result is the stock one's, byte for byte: the set is
-- learned from the stock matcher, and a single class with "+" matches exactly
-- the maximal runs of it. Every other pattern goes to the stock function.
local host = ...
local ffi = host.ffi
local find_words, cache = host.native.find, host.native.words
local FOUND, NO_SLOT = 64, 8192
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

-- Strings of short words met before (words.h), by slot.
local strings = host.word_cache

local function string_of(text, word)
	local slot = word.slot
	if slot == NO_SLOT then
		return sub(text, word.begins + 1, word.ends)
	end
	local known = cache.slots[slot]
	if known.low == word.bytes.low and known.high == word.bytes.high then
		return strings[slot]
	end
	local made = sub(text, word.begins + 1, word.ends)
	strings[slot] = made
	known.low, known.high = word.bytes.low, word.bytes.high
	return made
end

-- Makes the strings of the words found that are new before any is asked for.
-- So the script's loop is compiled for words that are known, which is what
-- most will be, and not for the new ones that all are at first.
local function make_new(text)
	for i = 0, cache.n_new - 1 do
		string_of(text, cache.found[cache.new[i]])
	end
end

-- The words of cache.found belong to `owner`, an iterator; it has taken the
-- first `at` of `n`. Another iterator that is called in between finds its words
-- anew, from where it was.
local owner, owned_text, at, n = nil, nil, 0, 0
local TEXT, ID, DONE = 1, 2, 3 -- fields: text, set, bytes done with

local function refill(self)
	local text, set = self[TEXT], sets[self[ID]]
	if not set then
		error("the iterator is spoilt", 0)
	end
	if owner and at > 0 then
		owner[DONE] = cache.found[at - 1].ends
	end
	owner = nil
	n = find_words(cache, set, text, #text, self[DONE])
	if cache.n_new > 0 then
		make_new(text)
	end
	owner, owned_text, at = self, text, 0
end

-- Called like the stock iterator, but a table: making a function would end
-- the compiled code. A user can see and spoil its fields, so none of them is
-- trusted as an index or a pointer.
local words = {
	__call = function(self)
		if owner ~= self or at == n then
			if owner == self and n < FOUND then
				return
			end
			refill(self)
			if n == 0 then
				return
			end
		end
		local word = cache.found[at]
		at = at + 1
		return string_of(owned_text, word)
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
			return setmetatable({ text, id, 0 }, words)
		end
	end
	return stock(text, pattern)
end

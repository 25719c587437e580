-- The loop that runs one operator's function over a batch. This chunk is loaded
-- anew for each operator: traces belong to byte code, so every operator gets
-- loops of its own, compiled for its own function, instead of one loop that
-- leaves its trace at each other function.
--
-- The C side fills `call` in and calls what this chunk returns, once per batch
-- or part of one: the loop stops early when its outputs are worth handing on.
-- Outputs that are Lua strings are not copied but pointed at; `anchors` keeps
-- them alive until the C side is through with them.
local host, kind, fn, call_pointer = ...
local ffi = host.ffi
local call = ffi.cast("struct tr_lua_call *", call_pointer)
local ffi_string, is_int64 = ffi.string, host.is_int64
local refuse, limits = host.refuse, host.limits
local decode_nested, encode_nested = host.decode, host.encode
local read_headers, slot = host.headers, host.native.slot
local grow, suggest, text = host.native.grow, host.suggest, host.text
local type, tonumber, tostring, select = type, tonumber, tostring, select
local setmetatable, cast = setmetatable, ffi.cast
local floor = math.floor

local NULL, BOOL, INT, DOUBLE, BYTES, LIST, MAP = 0, 1, 2, 3, 4, 5, 6
local EXACT = 2 ^ 53 -- integers up to here are numbers, beyond int64
local OUTS = limits.outs             -- hand on when there are so many
local ANCHORED = limits.anchored     -- or so many bytes
local KEY_MAX, VALUE_MAX = limits.key, limits.value

local anchors = {}
local anchor_at = {} -- reduce: by the accumulator's address

-- ------------------------------------------------------------ C to Lua

local function get(val)
	local t = val.type
	if t == BYTES then
		return ffi_string(val.p, val.len)
	elseif t == NULL then
		return nil
	elseif t == INT then
		local i = val.i
		if i >= -EXACT and i <= EXACT then
			return tonumber(i)
		end
		return i
	elseif t == DOUBLE then
		return val.d
	elseif t == BOOL then
		return val.i ~= 0
	end
	slot.len = val.len
	slot.p = val.p
	return decode_nested()
end

-- ------------------------------------------------------------ Lua to C

local function put_anchored(to, v, t, n, anchor)
	anchors[anchor] = v
	to.type = t
	to.len = n
	to.p = v
	call.anchored = call.anchored + n
end

-- int64 goes as it is; what else a script can make of cdata does not fit.
local function put_cdata(to, v)
	if not is_int64(v) then
		refuse("%s is no int64", tostring(v))
	end
	to.type = INT
	to.i = v
end

local function put_table(to, v, anchor, max, what)
	if host.is_protected(v) then
		refuse("a record or dataset is no value: return r.value")
	end
	local bytes, is_map = encode_nested(v)
	if #bytes > max then
		refuse("a %s of %d bytes is over the limit of %d", what, #bytes,
			max)
	end
	put_anchored(to, bytes, is_map and MAP or LIST, #bytes, anchor)
end

local function put(to, v, anchor, max, what)
	local t = type(v)
	if t == "string" then
		local n = #v
		if n > max then
			refuse("a %s of %d bytes is over the limit of %d", what,
				n, max)
		end
		put_anchored(to, v, BYTES, n, anchor)
	elseif t == "number" then
		if v == floor(v) and v >= -EXACT and v <= EXACT then
			to.type = INT
			to.i = v
		else
			to.type = DOUBLE
			to.d = v
		end
	elseif t == "boolean" then
		to.type = BOOL
		to.i = v and 1 or 0
	elseif t == "nil" or t == "userdata" then -- the latter is tranche.null
		to.type = NULL
	elseif t == "cdata" then
		put_cdata(to, v)
	elseif t == "table" then
		put_table(to, v, anchor, max, what)
	else
		refuse("a %s cannot be a %s", t, what)
	end
end

-- ------------------------------------------------------------- records

local key, value                 -- of the current element, once asked for
local key_at, value_at = -1, -1

local FIELDS = { "headers", "key", "offset", "partition", "timestamp", "topic",
	"value" }

local function origin_field(origin, name)
	if name ~= "topic" and name ~= "partition" and name ~= "offset"
		and name ~= "timestamp" and name ~= "headers" then
		refuse("a record has no field '%s'%s", text(name),
			suggest(text(name), FIELDS))
	elseif origin == nil then
		return nil
	elseif name == "topic" then
		return ffi_string(origin.topic)
	elseif name == "partition" then
		return origin.partition
	elseif name == "offset" then
		return tonumber(origin.offset)
	elseif name == "timestamp" then
		local ms = tonumber(origin.timestamp)
		return ms >= 0 and ms or nil
	end
	return read_headers()
end

-- One object stands for every element: its fields are looked up when asked
-- for, so a filter on the value costs no key.
local record = host.protect(setmetatable({}, {
	__index = function(_, name)
		if call.running == 0 then
			refuse("a record was kept beyond the call it was made for")
		end
		local i = call.index
		if name == "value" then
			if value_at ~= i then
				value = get(call.elems[i].value)
				value_at = i
			end
			return value
		elseif name == "key" then
			if key_at ~= i then
				key = get(call.elems[i].key)
				key_at = i
			end
			return key
		end
		return origin_field(call.elems[i].origin, name)
	end,
	__newindex = function(_, name)
		refuse("'%s' of a record cannot be set: return what shall be "
			.. "instead", text(name))
	end,
	__tostring = function()
		return "record"
	end,
	__metatable = false,
}))

-- --------------------------------------------------------------- loops

local function out_at(m)
	if m == call.outs_cap and grow(call) == 0 then
		refuse("not enough memory")
	end
	local out = call.outs[m]
	out.from = call.index
	return out
end

-- Ends a part of a batch: m outputs, of the elements before i.
local function done(m, i)
	call.n_outs = m
	call.index = i
	call.running = 0
end

local function begin()
	key_at, value_at = -1, -1
	call.anchored = 0
	call.n_outs = 0
	call.running = 1
	return call.index, call.n - 1
end

-- Says where the loop is before the user's function gets a chance to stay.
local function step(i)
	local at = call.at
	call.index = i
	at.index = i
	local origin = call.elems[i].origin
	at.offset = origin ~= nil and origin.offset or -1
end

local loops = {}

function loops.filter()
	local first, last = begin()
	local m = 0
	for i = first, last do
		step(i)
		if fn(record) then
			call.outs[m].from = i
			m = m + 1
			if m == OUTS then
				return done(m, i + 1)
			end
		end
	end
	done(m, last + 1)
end

local function put_mapped(m, ...)
	local out = out_at(m)
	local n = select("#", ...)
	if n == 1 then
		out.keep_key = 1
		put(out.value, (...), 2 * m + 2, VALUE_MAX, "value")
	elseif n == 2 then
		local k, v = ...
		out.keep_key = 0
		put(out.key, k, 2 * m + 1, KEY_MAX, "key")
		put(out.value, v, 2 * m + 2, VALUE_MAX, "value")
	elseif n == 0 then
		refuse("the function of %s returned nothing: "
			.. "return nil for null", kind)
	else
		refuse("the function of %s returned %d results: "
			.. "it is a value, or a key and a value", kind, n)
	end
end

function loops.map()
	local first, last = begin()
	local m = 0
	for i = first, last do
		step(i)
		put_mapped(m, fn(record))
		m = m + 1
		if m == OUTS or call.anchored > ANCHORED then
			return done(m, i + 1)
		end
	end
	done(m, last + 1)
end

local function only(...)
	if select("#", ...) == 0 then
		refuse("the function of %s returned nothing: "
			.. "return nil for null", kind)
	end
	return (...)
end

function loops.map_values()
	local first, last = begin()
	local m = 0
	for i = first, last do
		step(i)
		local out = out_at(m)
		out.keep_key = 1
		put(out.value, only(fn(record.value, record)), 2 * m + 2,
			VALUE_MAX, "value")
		m = m + 1
		if m == OUTS or call.anchored > ANCHORED then
			return done(m, i + 1)
		end
	end
	done(m, last + 1)
end

function loops.key_by()
	local first, last = begin()
	local m = 0
	for i = first, last do
		step(i)
		put(out_at(m).key, only(fn(record)), 2 * m + 1, KEY_MAX, "key")
		m = m + 1
		if m == OUTS or call.anchored > ANCHORED then
			return done(m, i + 1)
		end
	end
	done(m, last + 1)
end

local function emit(...)
	if call.running == 0 then
		refuse("emit() was kept beyond the call it was made for")
	end
	local n, m = select("#", ...), call.n_outs
	local out = out_at(m)
	if n == 2 then
		local k, v = ...
		put(out.key, k, 2 * m + 1, KEY_MAX, "key")
		put(out.value, v, 2 * m + 2, VALUE_MAX, "value")
	elseif n == 1 then
		out.key.type = NULL
		put(out.value, (...), 2 * m + 2, VALUE_MAX, "value")
	else
		refuse("emit wants a value, or a key and a value, got %d "
			.. "arguments", n)
	end
	call.n_outs = m + 1
end

function loops.flat_map()
	local first, last = begin()
	for i = first, last do
		step(i)
		fn(record, emit)
		if call.n_outs >= OUTS or call.anchored > ANCHORED then
			return done(call.n_outs, i + 1)
		end
	end
	done(call.n_outs, last + 1)
end

-- acc[i] = fn(acc[i], value[i]); the results' bytes stay anchored until the
-- next call, as the C side promises its caller. What an accumulator was before
-- is let go: of a text that grows, all steps together are far more than the end.
local n_anchored = 0 -- accumulators of this call

local function anchor_of(acc)
	local at = tonumber(cast("uintptr_t", acc))
	local anchor = anchor_at[at]
	if not anchor then
		n_anchored = n_anchored + 1
		anchor = n_anchored
		anchor_at[at] = anchor
	end
	return anchor
end

function loops.reduce_by_key()
	local first, last = begin()
	anchor_at, n_anchored = {}, 0
	for i = first, last do
		call.index = i
		call.at.index = i
		local acc = call.accs[i]
		put(acc[0], only(fn(get(acc[0]), get(call.values[i]))),
			anchor_of(acc), VALUE_MAX, "value")
	end
	done(0, last + 1)
end

return loops[kind]

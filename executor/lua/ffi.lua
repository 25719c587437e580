-- What the C side of this folder and its Lua side share (call.h). Every chunk
-- is called with `host`, one table that they hand from one to the next: the C
-- side puts its functions in, each chunk adds what the later ones use.
local host = ...
local ffi = host.ffi

ffi.cdef [[
struct tr_val {
	uint32_t type;
	uint32_t len;
	union {
		int64_t i;
		double d;
		const uint8_t *p;
	};
};

struct tr_origin {
	const char *topic;
	uint32_t partition;
	int32_t timestamp_type;
	int64_t offset;
	int64_t timestamp;
	const void *record;
};

struct tr_elem {
	struct tr_val key;
	struct tr_val value;
	const struct tr_origin *origin;
};

struct tr_lua_position {
	uint32_t op;
	uint32_t index;
	int64_t offset;
};

struct tr_lua_out {
	struct tr_val key;
	struct tr_val value;
	uint32_t from;
	uint32_t keep_key;
};

struct tr_lua_call {
	const struct tr_elem *elems;
	const struct tr_val *keys;
	struct tr_val *const *accs;
	const struct tr_val *values;
	uint32_t n;
	uint32_t index;
	struct tr_lua_out *outs;
	uint32_t n_outs;
	uint32_t outs_cap;
	double anchored;
	uint32_t running;
	uint32_t op;
	struct tr_lua_position *at;
	void *program;
};

struct tr_lua_word_bytes {
	int64_t low;
	int64_t high;
};

struct tr_lua_word {
	struct tr_lua_word_bytes bytes;
	uint32_t begins;
	uint32_t ends;
	uint32_t slot;
	uint32_t unused;
};

struct tr_lua_words {
	struct tr_lua_word found[64];
	uint32_t n_new;
	uint32_t new[64];
	uint32_t unused;
	struct tr_lua_word_bytes slots[8192];
};

struct tr_lua_native {
	uint32_t (*find)(struct tr_lua_words *, const uint8_t *, const char *,
		uint32_t, uint32_t);
	int (*grow)(struct tr_lua_call *);
	double (*random)(void *);
	void (*seed)(void *, double);
	void (*log)(void *, const char *, uint32_t);
	struct tr_val *slot;
	struct tr_lua_words *words;
	void *program;
};
]]

host.native = ffi.cast("const struct tr_lua_native *", host.native_pointer)
for name, size in pairs(host.sizes) do
	assert(ffi.sizeof(name) == size, name)
end

-- Whether a cdata value fits an int64: scripts can write 5LL, 5ULL and 5i.
local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")

function host.is_int64(v)
	return ffi.istype(int64, v)
		or (ffi.istype(uint64, v) and v < 0x8000000000000000ULL)
end

-- For C, whose Lua API cannot look into cdata.
function host.cdata_to_slot(v)
	if host.is_int64(v) then
		host.native.slot.i = v
		return true
	end
	return false
end

function host.slot_to_cdata()
	return host.native.slot.i
end

host.jit.opt.start("maxtrace=4000", "maxrecord=8000", "maxmcode=4096")

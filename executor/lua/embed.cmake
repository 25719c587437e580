# Writes OUT, a C file with the Lua files of FILES (in this order, separated
# by commas) as the array that chunks.h declares.
string(REPLACE "," ";" FILES "${FILES}")
set(texts "")
set(entries "")
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME_WE)
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," bytes "${hex}")
  string(REGEX REPLACE "(('[^']*',){12})" "\\1\n\t" bytes "${bytes}")
  string(APPEND texts "static const char ${name}[] = {\n\t${bytes}\n};\n\n")
  string(APPEND entries "\t{ \"${name}\", ${name}, sizeof(${name}) },\n")
endforeach()
file(WRITE "${OUT}" "#include \"executor/lua/chunks.h\"

${texts}const struct tr_lua_chunk tr_lua_chunks[] = {
${entries}};

const size_t tr_lua_n_chunks =
	sizeof(tr_lua_chunks) / sizeof(tr_lua_chunks[0]);
")

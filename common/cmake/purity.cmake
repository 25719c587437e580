# Fails when a library that must be pure refers to anything but the project's
# own symbols and functions of the C library that only compute.
execute_process(COMMAND ${NM} --undefined-only --format=posix ${LIB}
  OUTPUT_VARIABLE out COMMAND_ERROR_IS_FATAL ANY)
string(CONCAT allowed
  "^(tr_.*|mem(cpy|move|set|cmp|chr)|str(len|cmp|ncmp|nlen|chr|rchr)"
  "|snprintf|vsnprintf|abort|qsort|__mem(cpy|move|set)_chk"
  "|__v?snprintf_chk|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_"
  "|__asan_.*|__ubsan_.*|__tsan_.*|__gcov_.*|__llvm_.*|__sanitizer_.*"
  "|__start___.*|__stop___.*)$")
string(REGEX MATCHALL "[A-Za-z_][A-Za-z0-9_.]* U" hits "${out}")
foreach(hit IN LISTS hits)
  string(REPLACE " U" "" sym "${hit}")
  if(NOT sym MATCHES "${allowed}")
    message(SEND_ERROR "${LIB} is not pure: it refers to '${sym}'")
  endif()
endforeach()

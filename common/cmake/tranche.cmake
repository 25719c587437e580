# How every target of the project is built: one flag set, one way to add a
# module (a static library of one folder) and one way to add a test.

set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

# Asserts stay on in release (docs/style.md), so NDEBUG is never defined.
set(CMAKE_C_FLAGS_RELEASE "-O2 -g")
set(CMAKE_C_FLAGS_RELWITHDEBINFO "-O1 -g -fno-omit-frame-pointer")
set(CMAKE_C_FLAGS_DEBUG "-O1 -g")

add_library(tr_flags INTERFACE)
target_include_directories(tr_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_definitions(tr_flags INTERFACE _GNU_SOURCE
  $<$<BOOL:${TR_FAILPOINTS}>:TR_FAILPOINTS=1>)
target_compile_options(tr_flags INTERFACE
  -Wall -Wextra -Werror -Wpedantic -Wshadow -Wconversion -Wsign-conversion
  -Wstrict-prototypes -Wmissing-prototypes -Wold-style-definition
  -Wpointer-arith -Wwrite-strings -Wvla -Wformat=2 -Wundef
  -Wimplicit-fallthrough -Wdouble-promotion
  # clang warns of casts inside protobuf-c's INIT macros, gcc does not.
  $<$<C_COMPILER_ID:GNU>:-Wduplicated-cond -Wlogical-op -Wcast-qual>
  -fstack-protector-strong
  -include ${CMAKE_SOURCE_DIR}/common/base/banned.h)
if(CMAKE_BUILD_TYPE STREQUAL "Release")
  target_compile_options(tr_flags INTERFACE
    -D_FORTIFY_SOURCE=2 -fcf-protection)
  target_link_options(tr_flags INTERFACE -Wl,-z,relro,-z,now)
endif()
if(TR_SANITIZE)
  add_compile_options(-fsanitize=${TR_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TR_SANITIZE})
endif()

if(TR_FUZZ)
  # Coverage of all code leads the fuzzer, not of the target's file alone.
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# tr_add_module(name SOURCES a.c b.c DEPS other_module lib [PURE])
#
# A PURE module is one whose undefined symbols are checked by a test: it may
# not read a clock, do I/O, allocate or draw randomness (docs/core.md).
function(tr_add_module name)
  cmake_parse_arguments(M "PURE" "" "SOURCES;DEPS" ${ARGN})
  add_library(${name} STATIC ${M_SOURCES})
  target_link_libraries(${name} PRIVATE tr_flags PUBLIC ${M_DEPS})
  if(M_PURE AND TR_BUILD_TESTS)
    add_test(NAME lint.purity.${name}
      COMMAND ${CMAKE_COMMAND} -DNM=${CMAKE_NM} -DLIB=$<TARGET_FILE:${name}>
        -P ${CMAKE_SOURCE_DIR}/common/cmake/purity.cmake)
    set_tests_properties(lint.purity.${name} PROPERTIES LABELS lint)
  endif()
endfunction()

# tr_add_program(name SOURCES … DEPS … [LIBEXEC])
#
# A program that is installed. In the build tree all of them stand together in
# bin/, where they find each other (common/config/libexec.h).
function(tr_add_program name)
  cmake_parse_arguments(P "LIBEXEC" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${P_SOURCES})
  target_link_libraries(${name} PRIVATE tr_flags ${P_DEPS})
  target_compile_definitions(${name} PRIVATE
    TR_VERSION_TEXT="${PROJECT_VERSION}")
  set_target_properties(${name} PROPERTIES
    RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bin)
  if(TR_BUILD_TESTS AND TR_SANITIZE MATCHES "thread")
    target_link_libraries(${name} PRIVATE tr_tsan_rdkafka tr_tsan_nng)
  endif()
  if(P_LIBEXEC)
    install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/tranche)
  else()
    install(TARGETS ${name} DESTINATION ${CMAKE_INSTALL_BINDIR})
  endif()
endfunction()

# tr_add_test(name SOURCES … DEPS … LABEL unit|sim|integration|fuzz|lint
#             [TIMEOUT seconds])
#
# NAME becomes the ctest name; the executable is test_<name with dots as _>.
function(tr_add_test name)
  cmake_parse_arguments(T "" "LABEL;TIMEOUT" "SOURCES;DEPS" ${ARGN})
  string(REPLACE "." "_" exe "test_${name}")
  add_executable(${exe} ${T_SOURCES})
  target_link_libraries(${exe} PRIVATE tr_flags ${T_DEPS} tr_dep_cmocka)
  add_test(NAME ${name} COMMAND ${exe})
  if(NOT T_LABEL)
    set(T_LABEL unit)
  endif()
  if(NOT T_TIMEOUT)
    set(T_TIMEOUT 120)
  endif()
  set_tests_properties(${name} PROPERTIES LABELS ${T_LABEL} TIMEOUT ${T_TIMEOUT})
endfunction()

# tr_add_fuzz(name SOURCES … DEPS …)
#
# SOURCES define LLVMFuzzerTestOneInput. With TR_FUZZ the target is a libFuzzer
# program fuzz_<name>; otherwise it is a test that replays
# tests/fuzz/corpus/<name>/ once.
function(tr_add_fuzz name)
  cmake_parse_arguments(F "" "" "SOURCES;DEPS" ${ARGN})
  if(NOT TARGET fuzzers)
    add_custom_target(fuzzers)
  endif()
  add_dependencies(fuzzers fuzz_${name})
  if(TR_FUZZ)
    add_executable(fuzz_${name} ${F_SOURCES})
    target_link_libraries(fuzz_${name} PRIVATE tr_flags ${F_DEPS})
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    add_executable(fuzz_${name} ${F_SOURCES}
      ${CMAKE_SOURCE_DIR}/tests/fuzz/replay_main.c)
    target_link_libraries(fuzz_${name} PRIVATE tr_flags ${F_DEPS})
    add_test(NAME fuzz.${name}
      COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz.${name} PROPERTIES LABELS fuzz TIMEOUT 120)
  endif()
endfunction()

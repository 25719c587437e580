# The libraries Tranche stands on, all of them Debian 12 packages.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(tr_pkg target module)
  pkg_check_modules(${target}_pc REQUIRED IMPORTED_TARGET ${module})
  add_library(${target} INTERFACE)
  target_link_libraries(${target} INTERFACE PkgConfig::${target}_pc)
endfunction()

tr_pkg(tr_dep_rdkafka rdkafka>=2.0.2)
tr_pkg(tr_dep_crypto libcrypto)
tr_pkg(tr_dep_lmdb lmdb>=0.9.24)
tr_pkg(tr_dep_luajit luajit>=2.1)
tr_pkg(tr_dep_protobuf_c libprotobuf-c>=1.4.1)
tr_pkg(tr_dep_xxhash libxxhash)
tr_pkg(tr_dep_lz4 liblz4)
tr_pkg(tr_dep_jansson jansson>=2.13)
tr_pkg(tr_dep_inih inih)

find_package(nng 1.5.2 REQUIRED)
add_library(tr_dep_nng INTERFACE)
target_link_libraries(tr_dep_nng INTERFACE nng::nng)

if(TR_BUILD_TESTS)
  tr_pkg(tr_dep_cmocka cmocka>=1.1.5)
endif()

find_program(PROTOC_C protoc-c REQUIRED)

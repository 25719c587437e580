/*
 * CRC-32C (Castagnoli; iSCSI, RFC 3720 B.4): the checksum of wire frames and
 * block chunks. Uses the instruction of SSE4.2 where the processor has it.
 *
 * Start with 0 and pass the result on to continue over more bytes; each
 * result is the final value of what came so far:
 * tr_crc32c(0, "123456789", 9) == 0xe3069283.
 *
 * Thread: any.
 */
#ifndef TR_COMMON_DATA_CRC32C_H
#define TR_COMMON_DATA_CRC32C_H

#include <stddef.h>
#include <stdint.h>

uint32_t tr_crc32c(uint32_t crc, const void *p, size_t n);

/* The same by table on any processor; the tests compare the two. */
uint32_t tr_crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif /* TR_COMMON_DATA_CRC32C_H */

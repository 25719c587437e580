/*
 * Any bytes: read as a block. The checksum of the first chunk is set right
 * first, so that what lies behind it is reached.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/xalloc.h"
#include "common/data/block.h"
#include "common/data/crc32c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	AT_STORED = 12,
	AT_CRC = 20
};

static void sign(uint8_t *block, size_t size)
{
	size_t stored = 0;
	for (int i = 3; i >= 0; i--)
		stored = stored << 8 | block[AT_STORED + i];
	if (stored > size - TR_BLOCK_HEADER_LEN)
		return;
	uint32_t crc = tr_crc32c(0, block, AT_CRC);
	crc = tr_crc32c(crc, block + TR_BLOCK_HEADER_LEN, stored);
	for (int i = 0; i < 4; i++)
		block[AT_CRC + i] = (uint8_t)(crc >> 8 * i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct tr_block_totals totals;
	struct tr_error err;
	struct tr_buf scratch;
	uint8_t *block = tr_xmemdup(data, size);
	if (size >= TR_BLOCK_HEADER_LEN)
		sign(block, size);
	tr_block_scratch_init(&scratch);
	int rc = tr_block_count(
		tr_slice_of(block, size), &scratch, &totals, &err);
	tr_assert(rc == 0 || rc == TR_ECORRUPT || rc == TR_EVERSION);
	tr_assert(rc != 0 || (totals.stored_bytes == size &&
				     totals.raw_bytes >= 4 * totals.records));
	tr_buf_fini(&scratch);
	tr_xfree(block);
	return 0;
}

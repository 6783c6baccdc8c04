/* What a worker sends to the fetcher, and the fetcher to a worker. Whatever is taken must go back
 * into the same bytes. */
#include "fuzz.h"
#include "proto/smsg.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[SMSG_MAX];
    struct smsg m;
    int r = smsg_decode(data, size, &m);
    MUST(r == 0 || r == -EBADMSG);
    if (r < 0)
        return 0;
    MUST(m.type != SMSG_DATA || (m.n_bytes > 0 && m.n_bytes <= SMSG_DATA_MAX));
    MUST(smsg_encode(&m, again, sizeof again) + m.n_bytes == size);
    MUST(memcmp(again, data, size - m.n_bytes) == 0);
    return 0;
}

/* What the fetcher sends to the daemon. Whatever is taken must go back into the same bytes. */
#include "fuzz.h"
#include "proto/fmsg.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t again[FMSG_MAX];
    struct fmsg m;
    int r = fmsg_decode(data, size, &m);
    MUST(r == 0 || r == -EBADMSG);
    if (r < 0)
        return 0;
    MUST(fmsg_encode(&m, again, sizeof again) == size);
    MUST(memcmp(again, data, size) == 0);
    return 0;
}

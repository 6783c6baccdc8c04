/* What tutti-voice says to the daemon, and batches of frames. What is taken goes back into the same
 * bytes. */
#include "fuzz.h"
#include "proto/vmsg.h"

#include <errno.h>
#include <string.h>

static void read_batch(const uint8_t *data, size_t size)
{
    struct vmsg_record r;
    const uint8_t *packet;
    size_t at = sizeof(struct vmsg_batch);
    int n;
    if (size < at || size > VMSG_BATCH_MAX)
        return;
    while ((n = vmsg_batch_next(data, size, &at, &r, &packet)) > 0) {
        MUST(r.kind < VMSG_RECORD_KINDS && r.len <= VMSG_PACKET_MAX);
        MUST(packet + r.len == data + at && at <= size);
    }
    MUST(n == 0 || n == -EBADMSG);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct vmsg m;
    uint8_t again[VMSG_MAX];
    read_batch(data, size);
    int r = vmsg_decode(data, size, &m);
    MUST(r == 0 || r == -EBADMSG);
    if (r < 0)
        return 0;
    MUST(vmsg_encode(&m, again) == size);
    MUST(memcmp(again, data, size) == 0);
    return 0;
}

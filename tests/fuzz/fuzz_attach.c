/* Attach and credit lines. */
#include "fuzz.h"
#include "proto/attach.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct attach_line l;
    int r = attach_parse((const char *)data, size, &l);
    MUST(r == 0 || r == -EBADMSG);
    if (r < 0)
        return 0;
    MUST(strnlen(l.client, sizeof l.client) <= ATTACH_CLIENT_MAX);
    if (l.is_credit)
        MUST(l.channel > 0 && l.frames <= ATTACH_CREDIT_MAX);
    return 0;
}

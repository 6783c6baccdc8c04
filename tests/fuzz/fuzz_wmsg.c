/* What a worker or the zygote sends. Whatever is taken must go back into the same bytes. */
#include "base/text.h"
#include "fuzz.h"
#include "proto/wmsg.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wmsg m;
    uint8_t again[WMSG_MAX];
    int r = wmsg_decode(data, size, &m);
    MUST(r == 0 || r == -EBADMSG);
    if (r < 0)
        return 0;
    MUST(strnlen(m.text, sizeof m.text) <= WMSG_TEXT_MAX);
    MUST(text_is_printable(m.text, strlen(m.text)));
    MUST(wmsg_encode(&m, again, sizeof again) == size);
    MUST(memcmp(again, data, size) == 0);
    return 0;
}

#include "media/whole.h"

#include <libavutil/intreadwrite.h>
#include <stdlib.h>
#include <string.h>

enum { OGG_TAIL_BYTES = 66 * 1024, OGG_HEAD_BYTES = 27 };

static bool container_is(const struct demux *d, const char *name)
{
    return strncmp(d->context->iformat->name, name, strlen(name)) == 0;
}

/* [bytes] of the page at p, or 0 if it is not whole within len. */
static size_t ogg_page_bytes(const uint8_t *p, size_t len)
{
    if (len < OGG_HEAD_BYTES || memcmp(p, "OggS", 4) != 0 || p[4] != 0)
        return 0;
    size_t n = OGG_HEAD_BYTES + p[26];
    if (len < n)
        return 0;
    for (size_t i = 0; i < p[26]; i++)
        n += p[OGG_HEAD_BYTES + i];
    return n <= len ? n : 0;
}

/* The last page must end its stream, at the end of the file; another serial number than the first
 * page's is another stream behind the first. */
static void look_at_ogg(struct whole *w, struct source *s)
{
    uint8_t head[OGG_HEAD_BYTES];
    int64_t size = source_size(s);
    int64_t from = size > OGG_TAIL_BYTES ? size - OGG_TAIL_BYTES : 0;
    uint8_t *tail = malloc(OGG_TAIL_BYTES);
    ssize_t len = tail ? source_read_at(s, tail, OGG_TAIL_BYTES, from) : -1;
    if (len < OGG_HEAD_BYTES || source_read_at(s, head, sizeof head, 0) != (ssize_t)sizeof head) {
        free(tail);
        return;
    }
    const uint8_t *last = NULL;
    size_t last_bytes = 0;
    for (size_t i = 0; i + OGG_HEAD_BYTES <= (size_t)len;) {
        size_t n = ogg_page_bytes(tail + i, (size_t)len - i);
        if (n > 0) {
            last = tail + i;
            last_bytes = n;
        }
        i += n > 0 ? n : 1;
    }
    w->short_file = !last || (last[5] & 4) == 0;
    w->chained = last && AV_RL32(last + 14) != AV_RL32(head + 14) && (head[5] & 2) != 0;
    (void)last_bytes;
    free(tail);
}

void whole_look(struct whole *w, struct source *s, const struct demux *d)
{
    *w = (struct whole){ .declared = d->declared, .last_end = -1 };
    if (source_size(s) <= 0)
        return;
    if (container_is(d, "ogg"))
        look_at_ogg(w, s);
}

void whole_note_packet(struct whole *w, const struct packet *k)
{
    w->last_end = k->byte >= 0 ? k->byte + k->av->size : -1;
}

void whole_note_fault(struct whole *w)
{
    w->fault = true;
}

bool whole_was_cut(const struct whole *w, const struct source *s)
{
    return w->fault || w->short_file || source_was_cut(s);
}

#include "fetch/sniff.h"

#include "base/listing.h"

#include <stdint.h>
#include <string.h>

enum fetch_kind sniff_kind(const char *type, const char *url, const void *bytes, size_t len)
{
    static const char *const pages[] = { "text/html", "application/xhtml+xml", NULL };
    switch (listing_of(bytes, len, type, url)) {
    case LISTING_PAGE:
        return FETCH_PAGE;
    case LISTING_NONE:
        return listing_type_is(type, pages) && !listing_is_binary(bytes, len) ? FETCH_PAGE
                                                                              : FETCH_MEDIA;
    default:
        return FETCH_PLAYLIST;
    }
}

/* The 11 bits that an MPEG audio or ADTS frame begins with, and a layer that there is. */
static bool is_frame(const uint8_t *p, size_t len)
{
    return len >= 2 && p[0] == 0xff && (p[1] & 0xe0) == 0xe0 &&
           ((p[1] & 0x06) != 0 || (p[1] & 0xf6) == 0xf0);
}

static bool is_transport_stream(const uint8_t *p, size_t len)
{
    return len > 188 && p[0] == 0x47 && p[188] == 0x47;
}

bool sniff_is_plain(const void *bytes, size_t len)
{
    static const struct {
        uint8_t at, n;
        const char *mark;
    } marks[] = {
        { 0, 3, "ID3" },  { 0, 4, "OggS" },  { 0, 4, "fLaC" },
        { 0, 4, "RIFF" }, { 0, 4, "FORM" },  { 4, 4, "ftyp" },
        { 0, 4, "caff" }, { 0, 4, ".snd" },  { 0, 4, "\x1a\x45\xdf\xa3" },
        { 0, 3, "FLV" },  { 0, 5, "#!AMR" }, { 0, 4, "\x30\x26\xb2\x75" },
        { 0, 4, "wvPK" }, { 0, 4, "MPCK" },  { 0, 4, "MAC " },
        { 0, 4, "TTA1" },
    };
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++) {
        if (len >= (size_t)marks[i].at + marks[i].n &&
            memcmp((const char *)bytes + marks[i].at, marks[i].mark, marks[i].n) == 0)
            return true;
    }
    return is_frame(bytes, len) || is_transport_stream(bytes, len) ||
           listing_of(bytes, len, "", "") != LISTING_NONE;
}

/* Control lines. */
#include "fuzz.h"
#include "proto/command.h"

#include <errno.h>
#include <jansson.h>
#include <string.h>

/* Short enough, and something that can be said in an event. */
static void check_text(const char *text, size_t max)
{
    MUST(strnlen(text, max + 1) <= max);
    json_t *said = json_string(text);
    MUST(said != NULL);
    json_decref(said);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct command c;
    char why[COMMAND_REASON_MAX] = "";
    int r = command_parse((const char *)data, size, &c, why);
    MUST(r == 0 || r == -EBADMSG);
    check_text(c.tag, COMMAND_TAG_MAX);
    check_text(c.play_id, COMMAND_PLAY_ID_MAX);
    check_text(why, COMMAND_REASON_MAX - 1);
    if (r < 0) {
        MUST(c.url == NULL && why[0] != '\0');
        return 0;
    }
    MUST(c.type < COMMAND_TYPE_COUNT);
    MUST((c.url != NULL) == (c.type == COMMAND_PLAY));
    if (c.url)
        check_text(c.url, size);
    MUST(c.volume >= 0 && c.volume <= 2);
    MUST(c.position >= 0 && c.position <= INT64_C(788400000) * 48000);
    check_text(c.client, COMMAND_CLIENT_MAX);
    command_done(&c);
    return 0;
}

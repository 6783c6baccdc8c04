#include "voice/closing.h"

#include <stddef.h>

enum { PAUSE_MS = 250, PAUSE_MAX_MS = 8000, DISCORDS_OWN = 4000 };

/* Discord's documentation: opcodes and status codes, voice close event codes. */
static const struct {
    unsigned code;
    enum closing closing;
    const char *text;
} known[] = {
    { 4001, CLOSING_OVER, "the voice server does not know a message of ours" },
    { 4002, CLOSING_OVER, "the voice server could not read a message of ours" },
    { 4003, CLOSING_OVER, "the voice server saw a message before the identification" },
    { 4004, CLOSING_OVER, "the voice token is wrong or has been used up" },
    { 4005, CLOSING_OVER, "the voice server was identified to twice" },
    { 4006, CLOSING_OVER, "the voice session is not valid any more" },
    { 4009, CLOSING_OVER, "the voice session has timed out" },
    { 4011, CLOSING_OVER, "the voice server does not know this guild" },
    { 4012, CLOSING_OVER, "the voice server does not know the protocol" },
    { 4014, CLOSING_OVER, "disconnected from the voice channel" },
    { 4015, CLOSING_TRY_AGAIN, "the voice server crashed" },
    { 4016, CLOSING_OVER, "the voice server does not know the encryption" },
    { 4017, CLOSING_OVER, "this call wants end-to-end encryption (DAVE)" },
    { 4020, CLOSING_OVER, "the voice server calls a message of ours malformed" },
    { 4021, CLOSING_OVER, "disconnected by a rate limit" },
    { 4022, CLOSING_OVER, "the call was ended" },
};

enum { N_KNOWN = sizeof known / sizeof known[0] };

static int index_of(unsigned code)
{
    for (int i = 0; i < N_KNOWN; i++) {
        if (known[i].code == code)
            return i;
    }
    return -1;
}

enum closing closing_judge(unsigned code)
{
    int i = index_of(code);
    if (i >= 0)
        return known[i].closing;
    return code < DISCORDS_OWN ? CLOSING_TRY_AGAIN : CLOSING_OVER;
}

const char *closing_text(unsigned code)
{
    int i = index_of(code);
    if (i >= 0)
        return known[i].text;
    return code < DISCORDS_OWN ? "the connection to the voice server was lost"
                               : "the voice server closed the connection";
}

unsigned closing_pause_ms(unsigned n, uint32_t random)
{
    if (n == 0)
        return 0;
    unsigned pause_ms = PAUSE_MS;
    for (unsigned i = 1; i < n && pause_ms < PAUSE_MAX_MS; i++)
        pause_ms *= 2;
    unsigned quarter = pause_ms / 4;
    return pause_ms - quarter + random % (2 * quarter + 1);
}

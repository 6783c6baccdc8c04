/* The configuration file. */
#include "config/config.h"
#include "fuzz.h"

#include <errno.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config c;
    char why[CONFIG_WHY_MAX] = "";
    config_init(&c);
    int r = config_read_text(&c, (const char *)data, size, "file", why);
    MUST(r == 0 || r == -EINVAL);
    MUST(memchr(why, '\0', sizeof why) != NULL);
    MUST((r < 0) == (why[0] != '\0'));
    MUST(c.max_workers >= 1 && c.max_workers <= 4096 && c.complexity <= 10);
    MUST(c.buffer_s >= 0.1 && c.buffer_s <= 60);
    MUST(c.media_roots.n <= CONFIG_LIST_MAX && c.allow_hosts.n <= CONFIG_LIST_MAX);
    MUST(c.log_level < LOG_LEVEL_COUNT && c.log_format <= LOG_JSON);
    config_done(&c);
    return 0;
}

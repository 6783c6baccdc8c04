#include "base/complaints.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum { LINE_BYTES = 1024 };

/* The first one that is left out is told at once: perhaps no line follows that could tell it. */
static void leave_out(struct complaints *c, const char *topic)
{
    if (c->n_left_out++ == 0)
        log_warn(topic, "too much goes wrong with what clients send: not all of it is logged");
}

void complaints_log(struct complaints *c, enum log_level level, const char *topic, const char *fmt,
                    ...)
{
    uint64_t now_ms = clock_now_ns() / NS_PER_MS;
    char line[LINE_BYTES];
    if (!log_enabled(level))
        return;
    if (!bucket_has_token(&c->bucket, now_ms, COMPLAINT_MS, COMPLAINTS_BURST)) {
        leave_out(c, topic);
        return;
    }
    bucket_take(&c->bucket, now_ms, COMPLAINT_MS);
    if (c->n_left_out > 0)
        log_warn(topic, "%" PRIu64 " lines about what clients sent were left out", c->n_left_out);
    c->n_left_out = 0;
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(line, sizeof line, fmt, ap);
    va_end(ap);
    log_line(level, topic, "%s", line);
}

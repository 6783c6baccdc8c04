#include "base/log.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_BYTES = 1024 };

static struct {
    const char *program;
    enum log_level level;
    enum log_format format;
} logger = { "tutti", LOG_INFO, LOG_TEXT };

static const char *const level_names[LOG_LEVEL_COUNT] = {
    [LOG_ERROR] = "error",
    [LOG_WARN] = "warn",
    [LOG_INFO] = "info",
    [LOG_DEBUG] = "debug",
};

void log_setup(const char *program, enum log_level level, enum log_format format)
{
    logger.program = program;
    logger.level = level;
    logger.format = format;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    for (int i = 0; i < LOG_LEVEL_COUNT; i++) {
        if (strcmp(text, level_names[i]) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    }
    return -EINVAL;
}

bool log_enabled(enum log_level level)
{
    return level <= logger.level;
}

static void escape_json(const char *in, char *out, size_t size)
{
    size_t n = 0;
    for (; *in != '\0' && n + 3 < size; in++) {
        if (*in == '"' || *in == '\\')
            out[n++] = '\\';
        out[n++] = *in;
    }
    out[n] = '\0';
}

void log_line(enum log_level level, const char *topic, const char *fmt, ...)
{
    if (!log_enabled(level))
        return;
    int saved = errno;
    char raw[LINE_BYTES];
    char text[LINE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(raw, sizeof raw, fmt, ap);
    va_end(ap);
    /* A client can put anything into a message: it must not forge lines, move a terminal's cursor
     * or break the JSON. */
    (void)text_sanitise(text, sizeof text, raw);

    char line[2 * LINE_BYTES + 256];
    int n;
    if (logger.format == LOG_JSON) {
        struct timespec now;
        char escaped[2 * LINE_BYTES];
        clock_gettime(CLOCK_REALTIME, &now);
        escape_json(text, escaped, sizeof escaped);
        n = snprintf(line, sizeof line,
                     "{\"time\":%lld.%03ld,\"level\":\"%s\",\"program\":\"%s\",\"topic\":\"%s\","
                     "\"message\":\"%s\"}\n",
                     (long long)now.tv_sec, now.tv_nsec / 1000000, level_names[level],
                     logger.program, topic, escaped);
    } else {
        n = snprintf(line, sizeof line, "%s: %s: %s: %s\n", logger.program, level_names[level],
                     topic, text);
    }
    if (n > 0)
        (void)!write(STDERR_FILENO, line, (size_t)n);
    errno = saved;
}

#include "cli/format.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <wchar.h>

const char *format_time(double seconds, char ret[FORMAT_TIME_BYTES])
{
    if (!(seconds >= 0 && seconds < 1e9)) {
        (void)snprintf(ret, FORMAT_TIME_BYTES, "-:--");
        return ret;
    }
    long s = (long)seconds;
    if (s >= 3600)
        (void)snprintf(ret, FORMAT_TIME_BYTES, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        (void)snprintf(ret, FORMAT_TIME_BYTES, "%ld:%02ld", s / 60, s % 60);
    return ret;
}

struct glyph {
    const char *bytes;
    int len;  /* [bytes] to print */
    int step; /* [bytes] taken from the text */
    int columns;
};

static struct glyph next_glyph(const char *text, mbstate_t *state)
{
    wchar_t c;
    size_t n = mbrtowc(&c, text, strlen(text), state);
    if (n == (size_t)-1 || n == (size_t)-2) {
        memset(state, 0, sizeof *state);
        return (struct glyph){ "?", 1, 1, 1 };
    }
    int columns = wcwidth(c); /* −1 for what is not printable */
    if (columns < 0)
        return (struct glyph){ "?", 1, (int)n, 1 };
    return (struct glyph){ text, (int)n, (int)n, columns };
}

/* The width of the whole text, or more than `limit`. */
static int width_up_to(const char *text, int limit)
{
    mbstate_t state = { 0 };
    int width = 0;
    while (*text != '\0' && width <= limit) {
        struct glyph g = next_glyph(text, &state);
        width += g.columns;
        text += g.step;
    }
    return width;
}

void format_fit(FILE *out, const char *text, int columns, bool pad)
{
    mbstate_t state = { 0 };
    bool cut = width_up_to(text, columns) > columns;
    int room = cut ? columns - 1 : columns;
    int used = 0;
    while (*text != '\0') {
        struct glyph g = next_glyph(text, &state);
        if (used + g.columns > room)
            break;
        (void)fwrite(g.bytes, 1, (size_t)g.len, out);
        used += g.columns;
        text += g.step;
    }
    if (cut && columns > 0) {
        (void)fputc('~', out);
        used++;
    }
    if (pad)
        (void)fprintf(out, "%*s", columns > used ? columns - used : 0, "");
}

void format_bar(FILE *out, double fraction, int columns)
{
    int inside = columns - 2;
    if (inside < 1)
        return;
    if (fraction > 1)
        fraction = 1;
    int filled = fraction >= 0 ? (int)(fraction * inside + 0.5) : 0;
    (void)fputc('[', out);
    for (int i = 0; i < inside; i++) {
        bool head = i == filled - 1 && filled < inside;
        (void)fputc(fraction < 0 ? '.' : i >= filled ? ' ' : head ? '>' : '=', out);
    }
    (void)fputc(']', out);
}

void format_terminal_size(int fd, int *ret_columns, int *ret_rows)
{
    struct winsize size;
    bool known = ioctl(fd, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 && size.ws_row > 0;
    *ret_columns = known ? size.ws_col : 80;
    *ret_rows = known ? size.ws_row : 24;
}

#include "cli/progress.h"

#include "base/clock.h"
#include "base/text.h"
#include "cli/format.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

enum { BAR_COLUMNS = 24, LINE_BYTES = 1024 };

void progress_init(struct progress *p, FILE *out)
{
    *p = (struct progress){ .out = out, .is_terminal = isatty(fileno(out)) == 1 };
}

void progress_clear(struct progress *p)
{
    if (p->drawn)
        (void)fputs("\r\033[K", p->out);
    p->drawn = false;
    (void)fflush(p->out);
}

static const char *state_text(const char *state)
{
    return strcmp(state, "streaming") == 0 ? "" : state;
}

static void draw(struct progress *p, const struct progress_view *view)
{
    char at[FORMAT_TIME_BYTES];
    char of[FORMAT_TIME_BYTES];
    int columns, rows;
    format_terminal_size(fileno(p->out), &columns, &rows);
    (void)fputs("\r\033[K", p->out);
    int used = fprintf(p->out, "%7s / %-7s ", format_time(view->position, at),
                       format_time(view->duration, of));
    if (columns > used + BAR_COLUMNS) {
        double fraction = view->duration > 0 ? view->position / view->duration : -1;
        format_bar(p->out, fraction, BAR_COLUMNS);
        used += BAR_COLUMNS;
    }
    const char *state = state_text(view->state);
    if (state[0] != '\0' && columns > used + 14)
        used += fprintf(p->out, " (%.10s)", state);
    if (columns > used + 3) {
        (void)fputc(' ', p->out);
        format_fit(p->out, view->title, columns - used - 2, false);
    }
    p->drawn = true;
    (void)fflush(p->out);
}

void progress_show(struct progress *p, const struct progress_view *view, uint64_t now_ns)
{
    if (p->is_terminal) {
        draw(p, view);
        return;
    }
    if (p->said_ns == 0)
        p->said_ns = now_ns;
    if (now_ns - p->said_ns < PROGRESS_PLAIN_S * NS_PER_S)
        return;
    char at[FORMAT_TIME_BYTES];
    char of[FORMAT_TIME_BYTES];
    p->said_ns = now_ns;
    (void)fprintf(p->out, "%s / %s %s\n", format_time(view->position, at),
                  format_time(view->duration, of), state_text(view->state));
    (void)fflush(p->out);
}

void progress_say(struct progress *p, const char *fmt, ...)
{
    char text[LINE_BYTES];
    char safe[LINE_BYTES];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    (void)text_sanitise(safe, sizeof safe, text);
    progress_clear(p);
    format_fit(p->out, safe, LINE_BYTES, false);
    (void)fputc('\n', p->out);
    (void)fflush(p->out);
}

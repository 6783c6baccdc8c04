#include "cli/say.h"

#include "base/cleanup.h"
#include "base/text.h"
#include "cli/client.h"
#include "cli/format.h"
#include "cli/options.h"
#include "cli/source.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

enum { MESSAGE_BYTES = 512 };

const char *say_title(const char *name, const struct listed_play *play)
{
    return play->title ? play->title : name;
}

void say_playing(struct progress *p, const char *name, const struct listed_play *play)
{
    char duration[FORMAT_TIME_BYTES];
    progress_say(p, "playing %s (%s%s)", say_title(name, play),
                 play->duration < 0 ? "length unknown" : format_time(play->duration, duration),
                 play->passthrough ? ", Opus passed through" : "");
}

static int say_error(struct progress *p, const char *name, const json_t *event)
{
    char message[MESSAGE_BYTES];
    (void)text_sanitise(message, sizeof message, event_text(event, "message", ""));
    progress_clear(p);
    (void)fprintf(stderr, "tutti: %s: %s: %s\n", name, event_text(event, "code", "error"), message);
    return CLI_FAILED;
}

int say_end(struct progress *p, const char *name, const struct listed_play *play,
            const json_t *event)
{
    char at[FORMAT_TIME_BYTES];
    const char *title = say_title(name, play);
    if (event_is(event, "error"))
        return say_error(p, name, event);
    if (event_is(event, "finished")) {
        progress_say(p, "finished %s (%" PRId64 " frames)", title, play->frames);
        return CLI_OK;
    }
    const char *reason = event_text(event, "reason", "?");
    progress_say(p, "stopped %s at %s (%s)", title, format_time(play->position, at), reason);
    return strcmp(reason, "shutdown") == 0 ? CLI_SYSTEM : CLI_OK;
}

void say_hint(const char *name, const json_t *event)
{
    AUTO_FREE char *path = NULL;
    if (!event_is(event, "error") || strcmp(event_text(event, "code", ""), "forbidden_url") != 0)
        return;
    if (cli_source_is_remote(name)) {
        (void)fputs("Its address is private: --private starts a daemon that may reach it.\n",
                    stderr);
        return;
    }
    int err = cli_source_canonical(name, &path);
    if (err == -ENOENT || err == -ENOTDIR)
        (void)fprintf(stderr, "There is no file %s.\n", name);
    else
        (void)fputs("The running daemon may not read there (see its --media-root); --private "
                    "starts one that may.\n",
                    stderr);
}

void say_news(struct progress *p, const char *name, const struct listed_play *play,
              const json_t *event)
{
    char at[FORMAT_TIME_BYTES];
    if (event_is(event, "warning"))
        progress_say(p, "warning: %s: %s", event_text(event, "code", "?"),
                     event_text(event, "message", ""));
    else if (event_is(event, "paused") || event_is(event, "resumed") || event_is(event, "seeked"))
        progress_say(p, "%s at %s", event_text(event, "type", ""), format_time(play->position, at));
    else if (event_is(event, "title"))
        progress_say(p, "now: %s", say_title(name, play));
}

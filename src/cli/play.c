#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/daemon.h"
#include "cli/format.h"
#include "cli/options.h"
#include "cli/player.h"
#include "cli/rights.h"
#include "cli/signals.h"
#include "cli/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

static const char help[] =
    "Usage: tutti play [OPTION]... FILE...\n"
    "\n"
    "Plays files, one after the other without a gap. A FILE is the name of a file, an\n"
    "http(s) URL, or a search term for yt-dlp such as ytsearch:'some song'.\n"
    "\n"
    "Where it is heard:\n"
    "  With a daemon running, it plays in the channel of the bot that plays there, which\n"
    "  keeps the channel and goes on hearing it. Where no bot plays, the frames go to those\n"
    "  that listen on the audio socket; if none has come after five seconds, they go\n"
    "  unheard (see --wait).\n"
    "  With --out they go to a file or a pipe instead, and no bot hears them.\n"
    "  Without a daemon, a private one is started for as long as it takes. Nobody listens\n"
    "  to it: use --out, for example to hear the file on this machine:\n"
    "      tutti play --out - FILE | ffplay -nodisp -autoexit -i -\n"
    "      tutti play --out - FILE | mpv -\n"
    "  or to convert it, as fast as the machine can:\n"
    "      tutti play --out FILE.ogg FILE\n"
    "\n"
    "Options:\n"
    "  -c, --channel ID    the channel to play in (default: 1; with --out, one of its own)\n"
    "      --next          behind what the channel plays, instead of at once\n"
    "  -v, --volume LEVEL  0 to 2, or 0% to 200%\n"
    "  -p, --position TIME start of the first FILE: seconds or [H:]MM:SS\n"
    "  -o, --out FILE.ogg  write Ogg Opus to a file; - is standard output\n"
    "      --realtime      with --out: at the speed of playing, as a bot would hear it\n"
    "      --wait          wait for a bot to listen, however long it takes\n"
    "      --private       start a private daemon although one is running; it may read\n"
    "                      the directories of the FILEs named, and reach their "
    "hosts\n" OPTIONS_COMMON_HELP "\n"
    "Exit status: 0 played or stopped, 1 a FILE could not be played, 100 bad usage,\n"
    "111 the system refused something. Ctrl-C stops what this command plays, and nothing\n"
    "else; a file that was being written is complete up to there.\n";

enum {
    OPT_REALTIME = OPT_OWN,
    OPT_WAIT,
    OPT_PRIVATE,
    OPT_NEXT,
    FILE_WINDOW = 500, /* [frames] of credit: 10 s, twice the daemon's own buffer */
    PIPE_WINDOW = 50,  /* 1 s: what is heard follows a command soon */
};

struct play_options {
    struct options common;
    double volume; /* negative: none was given */
    double position;
    const char *out; /* or NULL */
    bool realtime;
    bool wait;
    bool private;
    bool next;
    char **files;
    size_t n_files;
};

/* What lives as long as the play. */
struct playing {
    struct play_options options;
    int signal_fd;
    int signal; /* that ended it, or 0 */
    struct private_daemon *daemon;
    struct paths paths;
    struct control_client *client;
    struct receiver *audio;
    struct record *record;
    struct player_item *items;
    char **urls;
};

static int take_own(struct play_options *o, int opt)
{
    switch (opt) {
    case 'v':
        if (options_parse_volume(optarg, &o->volume) < 0)
            return options_usage(&o->common, "a volume is a number from 0 to 2: %s", optarg);
        return -1;
    case 'p':
        if (options_parse_time(optarg, &o->position) < 0)
            return options_usage(&o->common, "a position is seconds or [H:]MM:SS: %s", optarg);
        return -1;
    case 'o':
        o->out = optarg;
        return -1;
    case OPT_REALTIME:
        o->realtime = true;
        return -1;
    case OPT_WAIT:
        o->wait = true;
        return -1;
    case OPT_PRIVATE:
        o->private = true;
        return -1;
    case OPT_NEXT:
        o->next = true;
        return -1;
    default:
        return options_take(&o->common, opt, help);
    }
}

/* True if both name the same file. */
static bool is_same_file(const char *a, const char *b)
{
    struct stat sa, sb;
    return stat(a, &sa) == 0 && stat(b, &sb) == 0 && sa.st_dev == sb.st_dev &&
           sa.st_ino == sb.st_ino;
}

static int check(struct play_options *o)
{
    if (o->n_files == 0)
        return options_usage(&o->common, "nothing to play: name a file");
    if (o->realtime && !o->out)
        return options_usage(&o->common, "--realtime goes with --out");
    if (o->wait && (o->out || o->private))
        return options_usage(&o->common, "--wait is for a bot that listens: it goes neither with "
                                         "--out nor with --private");
    if (o->next && (o->out || o->private))
        return options_usage(&o->common, "--next is for what a channel plays: it goes neither "
                                         "with --out nor with --private");
    if (o->private && options_names_daemon(&o->common))
        return options_usage(&o->common, "--private goes with no other daemon's path");
    if (o->out && o->out[0] == '\0')
        return options_usage(&o->common, "the name of the output is empty");
    if (o->out && strcmp(o->out, "-") == 0 && isatty(STDOUT_FILENO) == 1)
        return options_usage(&o->common, "audio is not for a terminal: pipe it into a player, "
                                         "as in 'tutti play --out - FILE | ffplay -i -'");
    for (size_t i = 0; i < o->n_files; i++) {
        if (strcmp(o->files[i], "-") == 0 || o->files[i][0] == '\0')
            return options_usage(&o->common, "standard input cannot be played: name a file");
        if (o->out && strcmp(o->out, "-") != 0 && is_same_file(o->out, o->files[i]))
            return options_usage(&o->common, "the output would overwrite %s", o->files[i]);
    }
    return -1;
}

static int parse(struct play_options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        { "channel", required_argument, NULL, 'c' },
        { "volume", required_argument, NULL, 'v' },
        { "position", required_argument, NULL, 'p' },
        { "out", required_argument, NULL, 'o' },
        { "realtime", no_argument, NULL, OPT_REALTIME },
        { "wait", no_argument, NULL, OPT_WAIT },
        { "private", no_argument, NULL, OPT_PRIVATE },
        { "next", no_argument, NULL, OPT_NEXT },
        OPTIONS_COMMON,
    };
    *o = (struct play_options){ .volume = -1 };
    options_init(&o->common, "tutti play");
    int opt;
    while ((opt = getopt_long(argc, argv, "c:v:p:o:h", longs, NULL)) != -1) {
        int code = take_own(o, opt);
        if (code >= 0)
            return code;
    }
    o->files = argv + optind;
    o->n_files = (size_t)(argc - optind);
    return check(o);
}

/* Returns -1 to go on, or an exit code. */
static int say_missing(const char *file, int err)
{
    (void)fprintf(stderr, "tutti: %s: %s\n", file, strerror(-err));
    return CLI_SYSTEM;
}

/* Canonical names for a private daemon, whose roots are then canonical too. */
static int canonical_names(struct playing *p)
{
    for (size_t i = 0; i < p->options.n_files; i++) {
        const char *file = p->options.files[i];
        int err = cli_source_is_remote(file) ? cli_source_url(file, &p->urls[i])
                                             : cli_source_canonical(file, &p->urls[i]);
        if (err < 0) {
            (void)fprintf(stderr, "tutti: %s: %s\n", file, strerror(-err));
            return CLI_FAILED;
        }
    }
    return -1;
}

static int start_private(struct playing *p)
{
    int code = canonical_names(p);
    if (code >= 0)
        return code;
    struct daemon_rights rights;
    int err = rights_collect(p->options.files, p->urls, p->options.n_files, &rights);
    if (err == 0)
        err = daemon_start(&rights, p->signal_fd, &p->daemon);
    rights_done(&rights);
    if (err == -EINTR)
        p->signal = signals_take(p->signal_fd);
    if (err < 0)
        return CLI_SYSTEM;
    if (p->options.common.channel == 0)
        p->options.common.channel = 1;
    (void)snprintf(p->paths.control, sizeof p->paths.control, "%s", daemon_control(p->daemon));
    (void)snprintf(p->paths.audio, sizeof p->paths.audio, "%s", daemon_audio(p->daemon));
    err = client_open(p->paths.control, &p->client);
    if (err < 0)
        return options_explain(&p->paths, err);
    if (!p->options.out)
        (void)fputs("note: a private daemon plays this, and nobody hears it.\n"
                    "      To hear it: tutti play --out - FILE | ffplay -nodisp -autoexit -i -\n",
                    stderr);
    return -1;
}

/* Frames of another's channel are not taken away from it: a recording has a channel of its own. */
static int choose_channel(struct playing *p)
{
    struct options *o = &p->options.common;
    if (o->channel == 0 && !p->options.out)
        o->channel = 1;
    if (o->channel == 0 && getrandom(&o->channel, sizeof o->channel, 0) < 0)
        return say_missing("a channel for the recording", -errno);
    if (!p->options.out)
        return -1;
    char channel[24];
    json_auto_t *status = NULL;
    (void)snprintf(channel, sizeof channel, "%" PRIu64, o->channel);
    int err = client_ask(p->client,
                         json_pack("{s:s, s:s}", "type", "status", "channel_id", channel), &status);
    if (err < 0)
        return options_lost(err);
    if (json_array_size(json_object_get(status, "sessions")) == 0)
        return -1;
    (void)fprintf(stderr,
                  "tutti: channel %s plays already, and --out would take its frames away: leave "
                  "--channel out, or name another\n",
                  channel);
    return CLI_FAILED;
}

static int use_running(struct playing *p)
{
    int err = 0;
    for (size_t i = 0; i < p->options.n_files && err == 0; i++)
        err = cli_source_url(p->options.files[i], &p->urls[i]);
    return err < 0 ? say_missing("the working directory", err) : choose_channel(p);
}

/* The daemon that is running, or a private one when none is and none was asked for. */
static int connect_daemon(struct playing *p)
{
    const struct play_options *o = &p->options;
    if (o->private)
        return start_private(p);
    int code = options_paths(&o->common, &p->paths);
    if (code >= 0)
        return code;
    int err = options_reach(&o->common, &p->paths, &p->client);
    if (err == 0)
        return use_running(p);
    bool wanted = o->next || options_names_daemon(&o->common);
    /* The system's may be for others: it was not asked for. */
    bool is_other = strcmp(p->paths.dir, PATHS_SYSTEM_DIR) == 0;
    if (!wanted && (err == -ENOENT || err == -ECONNREFUSED || is_other))
        return start_private(p);
    return options_explain(&p->paths, err);
}

/* With --out the frames come here, by credit unless they are to come in real time. A private daemon
 * without --out gets a listener too, as it would wait for one otherwise. */
static int connect_audio(struct playing *p)
{
    if (!p->options.out && !p->daemon)
        return -1;
    bool credit_flow = p->options.out && !p->options.realtime;
    int err = receiver_open(p->paths.audio, client_id(p->client), credit_flow, &p->audio);
    if (err < 0) {
        (void)fprintf(stderr, "tutti: cannot listen at %s: %s\n", p->paths.audio, strerror(-err));
        return CLI_SYSTEM;
    }
    return -1;
}

static void collect_items(struct playing *p)
{
    for (size_t i = 0; i < p->options.n_files; i++)
        p->items[i] = (struct player_item){
            .name = p->options.files[i],
            .url = p->urls[i],
            .pre_skip = p->options.out ? cli_source_pre_skip(p->options.files[i]) : -1,
        };
}

static int play(struct playing *p)
{
    struct play_options *o = &p->options;
    bool to_pipe = o->out && strcmp(o->out, "-") == 0;
    struct progress progress;
    progress_init(&progress, to_pipe ? stderr : stdout);
    collect_items(p);
    if (o->out && !(p->record = record_new(o->out)))
        return say_missing(o->out, -ENOMEM);
    const struct player_setup setup = {
        .client = p->client,
        .audio = p->audio,
        .audio_path = o->wait ? NULL : p->paths.audio,
        .record = p->record,
        .progress = &progress,
        .signal_fd = p->signal_fd,
        .credit_flow = o->out && !o->realtime,
        .window = to_pipe ? PIPE_WINDOW : FILE_WINDOW,
        .channel = o->common.channel,
        .volume = o->volume,
        .position = o->position,
        .next = o->next,
        .keep_owner = !o->out && !p->daemon,
        .own_daemon = p->daemon != NULL,
        .items = p->items,
        .n_items = o->n_files,
    };
    int code = player_run(&setup, &p->signal);
    if (p->record && record_lost(p->record) > 0)
        (void)fprintf(stderr, "tutti: %u frames were lost on the way to the recording\n",
                      record_lost(p->record));
    if (p->record && !record_begun(p->record) && code == CLI_OK && p->signal == 0)
        (void)fprintf(stderr, "tutti: no audio came: %s was not written\n", record_name(p->record));
    return code;
}

static void playing_done(struct playing *p)
{
    record_free(p->record);
    receiver_free(p->audio);
    client_free(p->client);
    daemon_stop(p->daemon);
    for (size_t i = 0; p->urls && i < p->options.n_files; i++)
        free(p->urls[i]);
    free(p->urls);
    free(p->items);
    cleanup_fd(&p->signal_fd);
}

int play_main(int argc, char **argv)
{
    struct playing p = { .signal_fd = -1 };
    int code = parse(&p.options, argc, argv);
    if (code >= 0)
        return code;
    p.items = calloc(p.options.n_files, sizeof *p.items);
    p.urls = calloc(p.options.n_files, sizeof *p.urls);
    p.signal_fd = signals_open();
    if (!p.items || !p.urls || p.signal_fd < 0)
        code = say_missing("the play", p.signal_fd < 0 ? p.signal_fd : -ENOMEM);
    if (code < 0)
        code = connect_daemon(&p);
    if (code < 0)
        code = connect_audio(&p);
    if (code < 0)
        code = play(&p);
    playing_done(&p);
    if (p.signal != 0)
        signals_die(p.signal);
    return options_flush(code);
}

/* tutti: the command line client. See tutti(1). */
#include "cli/commands.h"
#include "cli/options.h"

#include <locale.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int (*main)(int argc, char **argv);
    const char *summary;
} commands[] = {
    { "play", play_main, "play files, one after the other, or record them" },
    { "pause", pause_main, "silence a channel, and keep its place" },
    { "resume", resume_main, "let a paused channel go on" },
    { "stop", stop_main, "end what a channel plays" },
    { "next", next_main, "end the track, and go on with the next one" },
    { "volume", volume_main, "set how loud a channel is" },
    { "seek", seek_main, "go to another place in the track" },
    { "status", status_main, "show what plays" },
    { "stats", stats_main, "show how the daemon does" },
    { "top", top_main, "show both, live" },
    { "watch", watch_main, "print events as lines of JSON" },
};

enum { N_COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *out)
{
    (void)fputs("Usage: tutti COMMAND [OPTION]... [ARGUMENT]...\n"
                "\n"
                "Talks to tuttid, the audio daemon for Discord bots.\n"
                "\n"
                "Commands:\n",
                out);
    for (size_t i = 0; i < N_COMMANDS; i++)
        (void)fprintf(out, "  %-8s %s\n", commands[i].name, commands[i].summary);
    (void)fputs("\n"
                "Options of every command:\n" OPTIONS_COMMON_HELP
                "  (before the command: -V, --version)\n"
                "\n"
                "The daemon's sockets are looked for in --runtime-dir, $TUTTI_RUNTIME_DIR,\n"
                "$RUNTIME_DIRECTORY, $XDG_RUNTIME_DIR/tutti or /tmp/tutti-UID, the first that is\n"
                "set; --control, $TUTTI_CONTROL, --audio and $TUTTI_AUDIO name them one by one.\n"
                "Where none was named and none runs, the system's daemon in /run/tutti is taken.\n"
                "\n"
                "Exit status: 0 done, 1 the daemon answered with an error, 100 bad usage, 111 the\n"
                "system refused something or no daemon is running.\n"
                "\n"
                "Examples:\n"
                "  tutti play song.mp3                          by the bot that listens\n"
                "  tutti play --out - song.mp3 | ffplay -i -    heard on this machine\n"
                "  tutti play --out song.ogg song.mp3           converted, without a daemon\n"
                "  tutti pause --channel 123456789012345678\n"
                "\n"
                "'tutti COMMAND --help' tells more of a command.\n",
                out);
}

static int usage(const char *problem, const char *what)
{
    (void)fprintf(stderr, "tutti: %s%s\nTry 'tutti --help'.\n", problem, what);
    return CLI_USAGE;
}

static int run(size_t i, int argc, char **argv)
{
    /* getopt's messages begin with argv[0]. */
    char name[32];
    (void)snprintf(name, sizeof name, "tutti %s", commands[i].name);
    argv[0] = name;
    return commands[i].main(argc, argv);
}

int main(int argc, char **argv)
{
    (void)setlocale(LC_CTYPE, "");
    if (argc < 2)
        return usage("say what to do", "");
    const char *word = argv[1];
    if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
        print_help(stdout);
        return options_flush(CLI_OK);
    }
    if (strcmp(word, "--version") == 0 || strcmp(word, "-V") == 0) {
        (void)puts("tutti " TUTTI_VERSION);
        return options_flush(CLI_OK);
    }
    for (size_t i = 0; i < N_COMMANDS; i++) {
        if (strcmp(word, commands[i].name) == 0)
            return run(i, argc - 1, argv + 1);
    }
    return usage(word[0] == '-' ? "unknown option: " : "unknown command: ", word);
}

/*
 * tutti-voice: the connections to Discord's voice servers. Started by tuttid, with the daemon's
 * socket on descriptor 3; ends when that is closed.
 */
#include "base/log.h"
#include "playout/priority.h"
#include "sandbox/sandbox.h"
#include "voice/serve.h"

#include <getopt.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { CONTROL_FD = 3, EXIT_USAGE = 100, EXIT_SYSTEM = 111, HOSTS_MAX = 64 };

static const struct option options[] = {
    { "allow-private-hosts", no_argument, NULL, 'a' },
    { "allow-host", required_argument, NULL, 'H' },
    { "voice-host", required_argument, NULL, 'v' },
    { "log-level", required_argument, NULL, 'l' },
    { "log-format", required_argument, NULL, 'f' },
    { "version", no_argument, NULL, 'V' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

struct voice_settings {
    struct voice_serve_config voice;
    const char *allowed[HOSTS_MAX];
    const char *voice_hosts[HOSTS_MAX];
    enum log_level level;
    enum log_format format;
};

static int usage(int status)
{
    (void)fprintf(status == 0 ? stdout : stderr,
                  "usage: tutti-voice [--voice-host NAME]... [--allow-private-hosts]\n"
                  "           [--allow-host NAME]... [--log-level LEVEL] [--log-format text|json]\n"
                  "Started by tuttid, with its control socket on descriptor 3.\n");
    return status;
}

/* Returns false for what is no option, or has no sensible value. */
static bool read_option(struct voice_settings *s, int c, const char *value)
{
    switch (c) {
    case 'a':
        s->voice.policy.allow_private = true;
        return true;
    case 'H':
        if (s->voice.policy.n_allow_hosts == HOSTS_MAX)
            return false;
        s->allowed[s->voice.policy.n_allow_hosts++] = value;
        return true;
    case 'v':
        if (s->voice.n_hosts == HOSTS_MAX)
            return false;
        s->voice_hosts[s->voice.n_hosts++] = value;
        return true;
    case 'l':
        return log_level_parse(value, &s->level) == 0;
    case 'f':
        s->format = strcmp(value, "json") == 0 ? LOG_JSON : LOG_TEXT;
        return s->format == LOG_JSON || strcmp(value, "text") == 0;
    default:
        return false;
    }
}

/* The signal that a thread spins is for the one that has precedence. */
static void thread_made(void)
{
    sigset_t spinning;
    (void)sigemptyset(&spinning);
    (void)sigaddset(&spinning, SIGXCPU);
    (void)pthread_sigmask(SIG_BLOCK, &spinning, NULL);
    priority_give_back();
}

int main(int argc, char **argv)
{
    struct voice_settings s = { .voice.thread_made = thread_made, .level = LOG_INFO };
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'V') {
            (void)printf("tutti-voice %s\n", TUTTI_VERSION);
            return 0;
        }
        if (c == 'h' || !read_option(&s, c, optarg))
            return usage(c == 'h' ? 0 : EXIT_USAGE);
    }
    log_setup("tutti-voice", s.level, s.format);
    int type = 0;
    socklen_t len = sizeof type;
    if (optind < argc || getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        type != SOCK_SEQPACKET)
        return usage(EXIT_USAGE);
    s.voice.policy.allow_hosts = s.allowed;
    s.voice.hosts = s.voice_hosts;
    (void)signal(SIGPIPE, SIG_IGN);
    (void)mallopt(M_ARENA_MAX, 1);
    log_debug("voice", "the sending thread has precedence: %s", priority_lend());
    int r = sandbox_confine_client(SANDBOX_VOICE);
    if (r == 0)
        r = voice_serve(&s.voice, CONTROL_FD);
    if (r < 0)
        log_error("voice", "cannot begin: %s", strerror(-r));
    return r < 0 ? EXIT_SYSTEM : 0;
}

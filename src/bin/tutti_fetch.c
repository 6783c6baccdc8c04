/*
 * tutti-fetch: does all HTTP for all channels. Started by tuttid, with the daemon's socket on
 * descriptor 3; ends when that is closed.
 */
#include "base/log.h"
#include "fetch/serve.h"
#include "sandbox/sandbox.h"

#include <curl/curl.h>
#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { CONTROL_FD = 3, EXIT_USAGE = 100, EXIT_SYSTEM = 111, HOSTS_MAX = 64, MMAP_FROM = 1 << 20 };

struct settings {
    struct serve_config serve;
    double connect_timeout_s;
    const char *proxy;
    const char *hosts[HOSTS_MAX];
    enum log_level level;
    enum log_format format;
};

static const struct option options[] = {
    { "connect-timeout", required_argument, NULL, 'c' },
    { "stall-timeout", required_argument, NULL, 's' },
    { "give-up", required_argument, NULL, 'g' },
    { "idle-timeout", required_argument, NULL, 'i' },
    { "http-proxy", required_argument, NULL, 'p' },
    { "allow-private-hosts", no_argument, NULL, 'a' },
    { "allow-host", required_argument, NULL, 'H' },
    { "log-level", required_argument, NULL, 'l' },
    { "log-format", required_argument, NULL, 'f' },
    { "version", no_argument, NULL, 'V' },
    { "help", no_argument, NULL, 'h' },
    { NULL, 0, NULL, 0 },
};

static int usage(int status)
{
    (void)fprintf(status == 0 ? stdout : stderr,
                  "usage: tutti-fetch [--connect-timeout S] [--stall-timeout S] [--give-up S]\n"
                  "           [--idle-timeout S] [--http-proxy URL] [--allow-private-hosts]\n"
                  "           [--allow-host NAME]... [--log-level LEVEL] [--log-format text|json]\n"
                  "Started by tuttid, with its control socket on descriptor 3.\n");
    return status;
}

static bool read_seconds(const char *text, double *ret)
{
    char *end;
    double d = strtod(text, &end);
    if (end == text || *end || !isfinite(d) || d <= 0 || d > 86400)
        return false;
    *ret = d;
    return true;
}

/* Returns false for what is no option, or has no sensible value. */
static bool read_option(struct settings *s, int c, const char *value)
{
    struct address_policy *policy = &s->serve.request.policy;
    switch (c) {
    case 'c':
        return read_seconds(value, &s->connect_timeout_s);
    case 's':
        return read_seconds(value, &s->serve.stall_timeout_s);
    case 'g':
        return read_seconds(value, &s->serve.give_up_s);
    case 'i':
        return read_seconds(value, &s->serve.idle_s);
    case 'p':
        s->proxy = value;
        return true;
    case 'a':
        policy->allow_private = true;
        return true;
    case 'H':
        if (policy->n_allow_hosts == HOSTS_MAX)
            return false;
        s->hosts[policy->n_allow_hosts++] = value;
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

int main(int argc, char **argv)
{
    struct settings s = {
        .serve = { .stall_timeout_s = 1.5, .give_up_s = 60, .idle_s = 20 },
        .connect_timeout_s = 5,
        .level = LOG_INFO,
    };
    int c;
    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 'V') {
            (void)printf("tutti-fetch %s\n", TUTTI_VERSION);
            return 0;
        }
        if (c == 'h' || !read_option(&s, c, optarg))
            return usage(c == 'h' ? 0 : EXIT_USAGE);
    }
    log_setup("tutti-fetch", s.level, s.format);
    int type = 0;
    socklen_t len = sizeof type;
    if (optind < argc || getsockopt(CONTROL_FD, SOL_SOCKET, SO_TYPE, &type, &len) < 0 ||
        type != SOCK_SEQPACKET)
        return usage(EXIT_USAGE);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)setpgid(0, 0);            /* as keep/keeper.h wants it … */
    (void)signal(SIGTTOU, SIG_IGN); /* … and the log may be a terminal that minds */
    /* Names are resolved in threads of curl's; each would have an arena of its own. */
    (void)mallopt(M_ARENA_MAX, 1);
    (void)mallopt(M_MMAP_THRESHOLD, MMAP_FROM);
    struct request_context *request = &s.serve.request;
    request->policy.allow_hosts = s.hosts;
    request->connect_timeout_ms = lround(s.connect_timeout_s * 1000);
    request->proxies = proxies_from_environment(s.proxy);
    request->ca_file = getenv("SSL_CERT_FILE");
    request->ca_dir = getenv("SSL_CERT_DIR");
    int r = sandbox_confine_client(SANDBOX_FETCH);
    if (r == 0 && curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
        r = -ENOMEM;
    if (r == 0)
        r = serve_sources(&s.serve, CONTROL_FD);
    if (r < 0)
        log_error("fetch", "cannot begin: %s", strerror(-r));
    return r < 0 ? EXIT_SYSTEM : 0;
}

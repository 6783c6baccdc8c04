/* The daemon's composition root: reads the settings, builds the parts, runs the loop, ends it. */
#include "base/address.h"
#include "base/audio.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/paths.h"
#include "call/calls.h"
#include "config/beside.h"
#include "config/config.h"
#include "extract/extractor.h"
#include "link/fetcher.h"
#include "link/voice.h"
#include "locate/locator.h"
#include "locate/roots.h"
#include "owner/owner.h"
#include "playout/priority.h"
#include "pool/pool.h"
#include "sandbox/relaxed.h"
#include "sandbox/sandbox.h"
#include "server/audio.h"
#include "server/client_limits.h"
#include "server/control.h"
#include "server/dispatch.h"
#include "server/listener.h"
#include "session/sessions.h"

#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>
#include <uv.h>

enum {
    EXIT_USAGE = 100,  /* bad usage or configuration */
    EXIT_SYSTEM = 111, /* the system refused something */
    SANITIZER_SLOWER = 5,
    END_PATIENCE_MS = 1800, /* after this the daemon exits, whatever is still open */
};

struct daemon {
    uv_loop_t loop;
    struct config config;
    struct paths paths;
    char worker_path[PATH_MAX], fetch_path[PATH_MAX], confine_path[PATH_MAX];
    char helper_path[PATH_MAX], voice_path[PATH_MAX];
    struct roots *roots;
    struct address_policy policy;
    struct fetcher *fetcher;
    struct voice *voice;
    struct bot_calls *calls;
    struct extractor *extractor;
    struct locator *locator;
    struct pool *pool;
    struct sessions *sessions;
    struct audio *audio;
    struct listener *listener;
    struct controls controls;
    struct owners *owners;
    struct dispatch dispatch;
    uv_signal_t signals[2];
    uv_timer_t patience;
    bool ending;
};

/* ---- the end ---- */

/* What is left may be a thread of the pool that opens a file where the file system hangs: it uses
 * the media roots still, and exit() would wait for it, as libuv joins its threads there. Nothing
 * else is left to be done: end() has removed the sockets and the lock. */
static void on_patience_over(uv_timer_t *timer)
{
    log_warn("daemon", "something did not end in time and is left behind");
    _exit(EXIT_SUCCESS);
}

static void on_pool_gone(void *arg)
{
    struct daemon *d = arg;
    owners_done(d->owners);
    calls_free(d->calls);
    audio_free(d->audio);
    sessions_free(d->sessions);
    voice_free(d->voice);
    extractor_free(d->extractor);
    fetcher_free(d->fetcher);
    controls_finish(&d->controls);
    /* It goes on: a client that does not read what was said last must not hold up the end. */
    uv_unref((uv_handle_t *)&d->patience);
}

/* Sessions say goodbye while their clients still listen; then processes, then connections go. */
static void end(struct daemon *d)
{
    if (d->ending)
        return;
    d->ending = true;
    (void)sd_notify(0, "STOPPING=1");
    log_info("daemon", "shutting down");
    (void)uv_timer_start(&d->patience, on_patience_over, END_PATIENCE_MS, 0);
    listener_free(d->listener);
    sessions_shutdown(d->sessions);
    audio_flush(d->audio);
    pool_shutdown(d->pool, on_pool_gone, d);
}

static void on_signal(uv_signal_t *handle, int signum)
{
    end(handle->data);
}

/* ---- the parts, told of each other ---- */

static void on_accepted(int which, int fd, void *arg)
{
    struct daemon *d = arg;
    if (which == LISTENER_CONTROL)
        control_accept(&d->controls, fd);
    else
        audio_accept(d->audio, fd);
}

static void on_flush(void *arg)
{
    struct daemon *d = arg;
    voice_flush(d->voice);
    audio_flush(d->audio);
}

static void on_event(const struct event *e, const struct ticket *answer, uint64_t owner, void *arg)
{
    struct daemon *d = arg;
    owners_say(e, answer, owner, d->owners);
}

static int complain(int status, const char *what, int e)
{
    log_error("daemon", "%s: %s", what, strerror(-e));
    return status;
}

static int open_roots(struct daemon *d)
{
    size_t bad;
    char where[CONFIG_ORIGIN_MAX];
    const struct config_list *list = &d->config.media_roots;
    int r = roots_new((const char *const *)list->item, list->n, &d->roots, &bad);
    if (r < 0) {
        log_error("daemon", "%s: media-root %s: %s",
                  config_tell_origin(&d->config, "media-root", bad, where), list->item[bad],
                  strerror(-r));
        return EXIT_USAGE;
    }
    for (size_t i = 0; i < list->n; i++) {
        if (roots_missing(d->roots, i) != 0)
            log_warn("daemon",
                     "%s: media-root %s: %s: files below it can be played when it is there",
                     config_tell_origin(&d->config, "media-root", i, where), list->item[i],
                     strerror(roots_missing(d->roots, i)));
    }
    return 0;
}

static int find(const char *name, int mode, char path[PATH_MAX])
{
    if (beside_find(TUTTI_LIBEXECDIR, name, mode, path) == 0)
        return 0;
    log_error("daemon", "%s is neither beside tuttid nor at %s: install it", name, path);
    return EXIT_SYSTEM;
}

static int find_programs(struct daemon *d)
{
    int status = find("tutti-worker", X_OK, d->worker_path);
    if (status == 0)
        status = find("tutti-fetch", X_OK, d->fetch_path);
    if (status == 0)
        status = find("tutti-voice", X_OK, d->voice_path);
    if (status == 0)
        status = find("tutti-confine", X_OK, d->confine_path);
    return status == 0 ? find("tutti_extract.py", R_OK, d->helper_path) : status;
}

/* Workers do without the walls that the kernel cannot put up, which is said once. */
static int check_sandbox(struct daemon *d)
{
    static const enum sandbox_wall walls[] = { SANDBOX_SECCOMP, SANDBOX_LANDLOCK };
    unsigned standing = sandbox_walls();
    for (size_t i = 0; i < sizeof walls / sizeof walls[0]; i++) {
        if (standing & walls[i])
            continue;
        if (d->config.require_sandbox) {
            log_error("daemon", "require-sandbox: there is no %s here (%s)",
                      sandbox_wall_name(walls[i]), sandbox_why_missing());
            return EXIT_SYSTEM;
        }
        log_warn("daemon", "there is no %s here (%s): workers do without that wall",
                 sandbox_wall_name(walls[i]), sandbox_why_missing());
    }
    return 0;
}

static const char *const level_names[] = { "error", "warn", "info", "debug" };

static int start_fetcher(struct daemon *d)
{
    const struct config *c = &d->config;
    struct fetcher_config config = {
        .path = d->fetch_path,
        .log_level = level_names[c->log_level],
        .log_format = c->log_format == LOG_JSON ? "json" : "text",
        .connect_timeout_s = c->connect_timeout_s,
        .stall_timeout_s = c->stall_timeout_s,
        .give_up_s = c->give_up_s,
        .http_proxy = c->http_proxy,
        .allow_private_hosts = c->allow_private_hosts,
        .allow_hosts = (const char *const *)c->allow_hosts.item,
        .n_allow_hosts = c->allow_hosts.n,
    };
    int r = fetcher_new(&d->loop, &config, &d->fetcher);
    return r < 0 ? complain(EXIT_SYSTEM, "fetcher", r) : 0;
}

static int start_voice(struct daemon *d)
{
    const struct config *c = &d->config;
    const struct voice_config config = {
        .path = d->voice_path,
        .log_level = level_names[c->log_level],
        .log_format = c->log_format == LOG_JSON ? "json" : "text",
        .allow_private_hosts = c->allow_private_hosts,
        .allow_hosts = (const char *const *)c->allow_hosts.item,
        .n_allow_hosts = c->allow_hosts.n,
        .voice_hosts = (const char *const *)c->voice_hosts.item,
        .n_voice_hosts = c->voice_hosts.n,
    };
    const struct calls_ops ops = { dispatch_call_said, dispatch_call_rerouted, &d->dispatch };
    int r = voice_new(&d->loop, &config, &d->voice);
    if (r < 0)
        return complain(EXIT_SYSTEM, "voice", r);
    d->calls = calls_new(d->voice, &ops);
    return d->calls ? 0 : complain(EXIT_SYSTEM, "calls", -ENOMEM);
}

static int start_extractor(struct daemon *d)
{
    struct extractor_config config = {
        .loop = &d->loop,
        .program = d->config.yt_dlp,
        .helper_path = d->helper_path,
        .confine_path = d->confine_path,
        .proxy = d->config.extract_proxy,
        .jobs = d->config.extract_jobs,
        .timeout_ms = (uint64_t)(d->config.extract_timeout_s * 1000),
    };
    int r = extractor_new(&config, &d->extractor);
    return r < 0 ? complain(EXIT_SYSTEM, "extractor", r) : 0;
}

static int start_locator(struct daemon *d)
{
    d->policy = (struct address_policy){
        .allow_private = d->config.allow_private_hosts,
        .allow_hosts = (const char *const *)d->config.allow_hosts.item,
        .n_allow_hosts = d->config.allow_hosts.n,
    };
    struct locator_config config = {
        .loop = &d->loop,
        .roots = d->roots,
        .fetcher = d->fetcher,
        .extractor = d->extractor,
        .policy = &d->policy,
    };
    d->locator = locator_new(&config);
    return d->locator ? 0 : complain(EXIT_SYSTEM, "locator", -ENOMEM);
}

static int start_pool(struct daemon *d)
{
    struct pool_config config = {
        .worker_path = d->worker_path,
        .log_level = level_names[d->config.log_level],
        .max_seats = d->config.max_workers,
        .warm = d->config.warm_workers,
        .idle_ms = (uint64_t)(d->config.worker_idle_s * 1000),
        .ring = ring_shape_for((uint32_t)lround(d->config.buffer_s * AUDIO_FRAMES_PER_S)),
        .slower = sandbox_is_relaxed() ? SANITIZER_SLOWER : 1,
    };
    int r = pool_new(&d->loop, &config, &d->pool);
    return r < 0 ? complain(EXIT_SYSTEM, d->worker_path, r) : 0;
}

static int start_sessions(struct daemon *d)
{
    struct sessions_deps deps = {
        .loop = &d->loop,
        .pool = d->pool,
        .locator = d->locator,
        .config = {
            .depth_frames = (uint32_t)lround(d->config.buffer_s * AUDIO_FRAMES_PER_S),
            .bitrate = d->config.bitrate,
            .complexity = d->config.complexity,
        },
        .event = on_event,
        .flush = on_flush,
        .arg = d,
    };
    int r = sessions_new(&deps, &d->sessions);
    return r < 0 ? complain(EXIT_SYSTEM, "sessions", r) : 0;
}

static int start_server(struct daemon *d)
{
    struct audio_config audio = {
        .loop = &d->loop,
        .ops = { .find = dispatch_find, .slow = dispatch_slow, .arg = &d->dispatch },
        .max_connections = LIMIT_CONNECTIONS,
    };
    int r = audio_new(&audio, &d->audio);
    if (r < 0)
        return complain(EXIT_SYSTEM, "audio", r);
    audio_taps(d->audio)->calls = d->calls;
    struct owners_config owners = {
        .loop = &d->loop,
        .sessions = d->sessions,
        .grace_ms = (uint64_t)(d->config.client_grace_s * 1000),
        .kept_max = LIMIT_CLIENTS_KEPT,
    };
    d->owners = owners_new(&owners);
    if (!d->owners)
        return complain(EXIT_SYSTEM, "owners", -ENOMEM);
    struct control_ops ops = {
        .opened = dispatch_opened,
        .line = dispatch_line,
        .line_too_long = dispatch_line_too_long,
        .closed = dispatch_closed,
        .arg = &d->dispatch,
    };
    controls_init(&d->controls, &d->loop, &ops, LIMIT_CONNECTIONS);
    d->dispatch = (struct dispatch){
        .front = { .ops = &dispatch_front_ops },
        .controls = &d->controls,
        .owners = d->owners,
        .sessions = d->sessions,
        .pool = d->pool,
        .extractor = d->extractor,
        .audio = d->audio,
        .calls = d->calls,
        .voice = d->voice,
        .started_ns = clock_now_ns(),
    };
    return 0;
}

static int start_listening(struct daemon *d)
{
    struct listener_config config = {
        .loop = &d->loop, .paths = &d->paths, .accepted = on_accepted, .arg = d
    };
    if (d->config.socket_group) {
        const struct group *g = getgrnam(d->config.socket_group);
        if (!g) {
            char where[CONFIG_ORIGIN_MAX];
            log_error("daemon", "%s: socket-group: there is no group %s",
                      config_tell_origin(&d->config, "socket-group", 0, where),
                      d->config.socket_group);
            return EXIT_USAGE;
        }
        config.has_group = true;
        config.group = g->gr_gid;
    }
    char why[LISTENER_WHY_MAX];
    if (listener_new(&config, &d->listener, why) < 0) {
        log_error("daemon", "%s", why);
        return EXIT_SYSTEM;
    }
    return 0;
}

static int resolve_paths(struct daemon *d)
{
    struct paths_given given = {
        .runtime_dir = d->config.runtime_dir,
        .control = d->config.control,
        .audio = d->config.audio,
    };
    struct paths_env env = paths_env_read();
    char why[PATHS_ERROR_BYTES];
    if (paths_resolve(&given, &env, &d->paths, why) == 0)
        return 0;
    log_error("daemon", "%s", why);
    return EXIT_USAGE;
}

/* Thousands of channels need thousands of descriptors; the hard limit is the administrator's. */
static void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &limit);
    }
}

static void watch_signals(struct daemon *d)
{
    static const int numbers[2] = { SIGTERM, SIGINT };
    struct sigaction ignore = { .sa_handler = SIG_IGN };
    (void)sigaction(SIGPIPE, &ignore, NULL);
    for (size_t i = 0; i < 2; i++) {
        (void)uv_signal_init(&d->loop, &d->signals[i]);
        d->signals[i].data = d;
        (void)uv_signal_start(&d->signals[i], on_signal, numbers[i]);
        /* They stay to the very end, so that a second signal does no harm, but hold nothing up. */
        uv_unref((uv_handle_t *)&d->signals[i]);
    }
    (void)uv_timer_init(&d->loop, &d->patience);
    d->patience.data = d;
}

static int start(struct daemon *d)
{
    int (*const steps[])(struct daemon *) = {
        resolve_paths,   open_roots,    find_programs,  check_sandbox,
        start_listening, start_fetcher, start_voice,    start_extractor,
        start_locator,   start_pool,    start_sessions, start_server,
    };
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int status = steps[i](d);
        if (status != 0)
            return status;
    }
    watch_signals(d);
    return 0;
}

static void run(struct daemon *d)
{
    log_info("daemon", "scheduling: %s", priority_raise_loop(&d->loop));
    printf("ready control=%s audio=%s\n", d->paths.control, d->paths.audio);
    (void)fflush(stdout);
    (void)sd_notify(0, "READY=1");
    (void)uv_run(&d->loop, UV_RUN_DEFAULT);
    tickets_done(&d->dispatch.tickets);
    owners_free(d->owners);
    locator_free(d->locator);
    roots_free(d->roots);
    (void)uv_loop_close(&d->loop);
}

int main(int argc, char **argv)
{
    static struct daemon d;
    char why[CONFIG_WHY_MAX];
    enum config_result result = config_load(argc, argv, &d.config, why);
    log_setup("tuttid", d.config.log_level, d.config.log_format);
    if (result == CONFIG_BAD) {
        log_error("daemon", "%s (tuttid --help lists the options)", why);
        config_done(&d.config);
        return EXIT_USAGE;
    }
    int status = 0;
    if (result == CONFIG_RUN) {
        raise_descriptor_limit();
        (void)uv_loop_init(&d.loop);
        status = start(&d);
        if (status == 0)
            run(&d);
        else if (d.listener)
            listener_free(d.listener);
    }
    config_done(&d.config);
    return status;
}

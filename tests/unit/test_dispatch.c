/* The dispatcher as a front: what lines ask of the sessions, and who reads what is said. The
 * sessions, the pool and the extractor are this test's own; sockets and owners are real. */
#include "loop.h"
#include "mini_voice.h"
#include "server/dispatch.h"

#include <jansson.h>
#include <sys/socket.h>

enum { GRACE_MS = 40, TICKETS = 8 };

static struct {
    uv_loop_t loop;
    struct controls controls;
    struct dispatch d;
    struct lateness lateness;
    char asked[64]; /* the last call: its name and what it was given */
    struct ticket tickets[TICKETS];
    size_t n_tickets;
    struct outlet *outlet; /* of the last play, held */
    bool have_plays;
    uint64_t gone;
    char bytes[1 << 16];
} f;

/* ---- the sessions ---- */

static void note_ticket(const struct ticket *ticket)
{
    assert_true(f.n_tickets < TICKETS);
    f.tickets[f.n_tickets++] = *ticket;
}

static void note(const char *what, uint64_t channel, double detail, const struct ticket *ticket)
{
    (void)snprintf(f.asked, sizeof f.asked, "%s %u %g", what, (unsigned)channel, detail);
    note_ticket(ticket);
}

void sessions_play(struct sessions *ss, uint64_t channel, const struct play_request *request)
{
    (void)snprintf(f.asked, sizeof f.asked, "play %u %s %s %g", (unsigned)channel,
                   request->play_id ? request->play_id : "-", request->url, request->volume);
    note_ticket(&request->ticket);
    assert_int_equal(request->owner, request->ticket.owner);
    assert_int_equal(request->outlet->channel, channel);
    if (f.outlet)
        outlet_release(f.outlet);
    f.outlet = outlet_hold(request->outlet);
}

void sessions_pause(struct sessions *ss, uint64_t channel, const struct ticket *ticket)
{
    note("pause", channel, 0, ticket);
}

void sessions_resume(struct sessions *ss, uint64_t channel, const struct ticket *ticket)
{
    note("resume", channel, 0, ticket);
}

void sessions_stop(struct sessions *ss, uint64_t channel, const char *play_id,
                   const struct ticket *ticket)
{
    note(play_id ? play_id : "stop", channel, 0, ticket);
}

void sessions_volume(struct sessions *ss, uint64_t channel, double level, bool keep,
                     const struct ticket *ticket)
{
    note(keep ? "keep" : "volume", channel, level, ticket);
}

void sessions_seek(struct sessions *ss, uint64_t channel, int64_t pos, const struct ticket *ticket)
{
    note("seek", channel, (double)pos, ticket);
}

void sessions_list(struct sessions *ss, uint64_t channel, uint64_t owner, session_info_fn fn,
                   void *arg)
{
    struct session_info info = { .channel = 5, .play_id = "p", .state = "paused", .url = "/a" };
    if (f.have_plays && (channel == 0 || channel == 5))
        fn(&info, arg);
}

struct sessions_counts sessions_counts(struct sessions *ss)
{
    return (struct sessions_counts){ .streaming = 3 };
}

const struct lateness *sessions_lateness(const struct sessions *ss)
{
    return &f.lateness;
}

bool sessions_have_plays_of(const struct sessions *ss, uint64_t owner)
{
    return f.have_plays;
}

void sessions_owner_gone(struct sessions *ss, uint64_t owner)
{
    f.gone = owner;
}

struct pool_counts pool_counts(const struct pool *p)
{
    return (struct pool_counts){ .busy = 2 };
}

struct extractor_stats extractor_get_stats(const struct extractor *x)
{
    return (struct extractor_stats){ .hits = 1 };
}

/* ---- connections ---- */

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    struct control_ops ops = { .opened = dispatch_opened,
                               .line = dispatch_line,
                               .line_too_long = dispatch_line_too_long,
                               .closed = dispatch_closed,
                               .arg = &f.d };
    controls_init(&f.controls, &f.loop, &ops, 10);
    f.d = (struct dispatch){ .front = { &dispatch_front_ops }, .controls = &f.controls };
    struct owners_config owners = { .loop = &f.loop, .grace_ms = GRACE_MS, .kept_max = 10 };
    struct audio_config audio = {
        .loop = &f.loop,
        .ops = { .find = dispatch_find, .slow = dispatch_slow, .arg = &f.d },
        .max_connections = 10,
    };
    const struct voice_config voice = mini_voice_config();
    const struct calls_ops calls = { dispatch_call_said, dispatch_call_rerouted, &f.d };
    f.d.owners = owners_new(&owners);
    assert_non_null(f.d.owners);
    assert_int_equal(voice_new(&f.loop, &voice, &f.d.voice), 0);
    f.d.calls = calls_new(f.d.voice, &calls);
    assert_non_null(f.d.calls);
    assert_int_equal(audio_new(&audio, &f.d.audio), 0);
    audio_taps(f.d.audio)->calls = f.d.calls;
    return 0;
}

static int tear_down(void **state)
{
    if (f.outlet)
        outlet_release(f.outlet);
    owners_done(f.d.owners);
    calls_free(f.d.calls);
    audio_free(f.d.audio);
    voice_free(f.d.voice);
    controls_finish(&f.controls);
    loop_end(&f.loop);
    tickets_done(&f.d.tickets);
    owners_free(f.d.owners);
    return 0;
}

static void turn(void)
{
    for (int i = 0; i < 3 || f.controls.waiting || f.controls.telling; i++)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
}

/* What has come since it was last looked at, as one string. */
static const char *hear(int sock)
{
    turn();
    ssize_t n = recv(sock, f.bytes, sizeof f.bytes - 1, 0);
    f.bytes[n > 0 ? n : 0] = '\0';
    return f.bytes;
}

static void say(int sock, const char *line)
{
    assert_int_equal(send(sock, line, strlen(line), MSG_NOSIGNAL), strlen(line));
    turn();
}

/* Connects, and copies the id from the hello. */
static int join(char id[OWNER_ID_BYTES + 1])
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair), 0);
    control_accept(&f.controls, pair[0]);
    json_t *hello = json_loads(hear(pair[1]), 0, NULL);
    const char *client = json_string_value(json_object_get(hello, "client"));
    assert_non_null(client);
    (void)snprintf(id, OWNER_ID_BYTES + 1, "%s", client);
    json_decref(hello);
    return pair[1];
}

static void hello(int sock, const char *id)
{
    char line[100];
    (void)snprintf(line, sizeof line, "{\"type\":\"hello\",\"client\":\"%s\"}\n", id);
    say(sock, line);
}

/* The sessions say that the command of this ticket is done, of a play that `owner` has. */
static void answer_paused(size_t ticket, uint64_t owner)
{
    struct event e = { .type = EVENT_PAUSED, .channel = 5, .play_id = "p" };
    assert_true(ticket < f.n_tickets);
    owners_say(&e, &f.tickets[ticket], owner, f.d.owners);
}

#define PAUSED "{\"type\":\"paused\",\"channel_id\":\"5\",\"play_id\":\"p\",\"position\":0.0"

static void commands_reach_the_sessions(void **state)
{
    static const struct {
        const char *line, *asked;
    } rows[] = {
        { "{\"type\":\"play\",\"channel_id\":\"5\",\"url\":\"/a\",\"play_id\":\"x\"}\n",
          "play 5 x /a -1" },
        { "{\"type\":\"play\",\"channel_id\":\"6\",\"url\":\"/b\",\"volume\":0.5}\n",
          "play 6 - /b 0.5" },
        { "{\"type\":\"pause\",\"channel_id\":\"5\"}\n", "pause 5 0" },
        { "{\"type\":\"resume\",\"channel_id\":\"5\"}\n", "resume 5 0" },
        { "{\"type\":\"stop\",\"channel_id\":\"5\"}\n", "stop 5 0" },
        { "{\"type\":\"stop\",\"channel_id\":\"5\",\"play_id\":\"x\"}\n", "x 5 0" },
        { "{\"type\":\"volume\",\"channel_id\":\"5\",\"level\":1.5}\n", "volume 5 1.5" },
        { "{\"type\":\"seek\",\"channel_id\":\"5\",\"position\":2}\n", "seek 5 96000" },
    };
    char id[OWNER_ID_BYTES + 1];
    int sock = join(id);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        say(sock, rows[i].line);
        assert_string_equal(f.asked, rows[i].asked);
        assert_ptr_equal(f.tickets[i].front, &f.d.front);
        assert_string_equal(hear(sock), ""); /* the session answers, now or later */
    }
    (void)close(sock);
}

static bool is_ready(void *arg)
{
    return call_flow(calls_find(f.d.calls, 5)) == OUTLET_PACED;
}

#define CALL "\"guild_id\":\"2\",\"user_id\":\"3\",\"voice_channel_id\":\"5\",\"state\":"
#define CONNECT(endpoint) \
    "{\"type\":\"connect\",\"channel_id\":\"5\",\"guild_id\":\"2\",\"user_id\":\"3\"," \
    "\"session_id\":\"s\",\"token\":\"secret\",\"endpoint\":\"" endpoint "\",\"tag\":\"t\"}\n"

static void a_channel_is_connected_and_left(void **state)
{
    char id[2][OWNER_ID_BYTES + 1];
    int sock = join(id[0]), other = join(id[1]);
    say(sock, CONNECT("example.org"));
    assert_non_null(strstr(hear(sock), "invalid_command"));
    say(sock, CONNECT("a.discord.media"));
    assert_string_equal(hear(sock), "{\"type\":\"voice\",\"channel_id\":\"5\"," CALL
                                    "\"connecting\",\"tag\":\"t\"}\n");
    assert_true(loop_until(&f.loop, is_ready, NULL));
    assert_non_null(strstr(hear(sock), CALL "\"ready\",\"ping_ms\":0}"));
    say(other, "{\"type\":\"status\"}\n");
    assert_non_null(strstr(hear(other), "\"calls\":[{\"channel_id\":\"5\"," CALL "\"ready\""));
    assert_null(strstr(f.bytes, "secret"));
    say(other, "{\"type\":\"disconnect\",\"channel_id\":\"5\",\"tag\":\"u\"}\n");
    assert_non_null(strstr(hear(other), "\"disconnected\",\"ping_ms\":0,\"tag\":\"u\"}"));
    assert_non_null(strstr(hear(sock), "\"disconnected\",\"ping_ms\":0}"));
    say(other, "{\"type\":\"disconnect\",\"channel_id\":\"5\"}\n");
    assert_non_null(strstr(hear(other), "no_session"));
    (void)close(sock);
    (void)close(other);
}

static void who_reads_an_answer(void **state)
{
    char id[3][OWNER_ID_BYTES + 1];
    int asker = join(id[0]), owner = join(id[1]), watcher = join(id[2]);
    uint64_t number = owner_number(owners_find(f.d.owners, id[1]));
    say(watcher, "{\"type\":\"watch\",\"on\":true}\n");
    assert_string_equal(hear(watcher), "{\"type\":\"watching\",\"on\":true}\n");
    say(asker, "{\"type\":\"pause\",\"channel_id\":\"5\",\"tag\":\"t\"}\n");
    answer_paused(0, number);
    assert_string_equal(hear(asker), PAUSED ",\"tag\":\"t\"}\n");
    assert_string_equal(hear(owner), PAUSED "}\n");
    assert_string_equal(hear(watcher), PAUSED "}\n");
    say(watcher, "{\"type\":\"watch\",\"on\":false}\n");
    (void)hear(watcher);
    say(owner, "{\"type\":\"pause\",\"channel_id\":\"5\"}\n");
    answer_paused(1, number);
    assert_string_equal(hear(owner), PAUSED "}\n"); /* once */
    assert_string_equal(hear(asker), "");
    assert_string_equal(hear(watcher), "");
    answer_paused(1, 0); /* a ticket is good for one answer */
    assert_string_equal(hear(owner), "");
    (void)close(asker);
    (void)close(owner);
    (void)close(watcher);
}

/* Its client may have come back over another connection, or never. */
static void the_asker_is_gone(void **state)
{
    char id[2][OWNER_ID_BYTES + 1];
    int first = join(id[0]);
    say(first, "{\"type\":\"pause\",\"channel_id\":\"5\",\"tag\":\"1\"}\n");
    say(first, "{\"type\":\"pause\",\"channel_id\":\"5\",\"tag\":\"2\"}\n");
    (void)close(first);
    turn();
    answer_paused(0, 0); /* nobody reads it */
    int second = join(id[1]);
    hello(second, id[0]);
    assert_non_null(strstr(hear(second), id[0]));
    answer_paused(1, 0);
    assert_string_equal(hear(second), PAUSED ",\"tag\":\"2\"}\n");
    assert_null(f.d.tickets.by_number);
    (void)close(second);
}

static void an_older_connection_is_replaced(void **state)
{
    char id[2][OWNER_ID_BYTES + 1];
    int older = join(id[0]), newer = join(id[1]);
    say(older, "{\"type\":\"watch\",\"on\":true}\n");
    (void)hear(older);
    hello(newer, id[0]);
    assert_non_null(strstr(hear(older), "client_replaced"));
    char byte;
    assert_int_equal(recv(older, &byte, 1, 0), 0);
    (void)close(older);
    turn();
    struct event e = { .type = EVENT_PAUSED, .channel = 5, .play_id = "p" };
    owners_say(&e, NULL, owner_number(owners_find(f.d.owners, id[0])), f.d.owners);
    assert_non_null(strstr(hear(newer), PAUSED));
    hello(newer, id[0]); /* it is that client already */
    assert_non_null(strstr(hear(newer), id[0]));
    hello(newer, "nobody");
    assert_non_null(strstr(hear(newer), id[0]));
    (void)close(newer);
}

static bool is_gone(void *arg)
{
    return f.gone != 0;
}

static void nobody_comes_back(void **state)
{
    char id[OWNER_ID_BYTES + 1];
    int sock = join(id);
    uint64_t number = owner_number(owners_find(f.d.owners, id));
    f.have_plays = true;
    (void)close(sock);
    assert_true(loop_until(&f.loop, is_gone, NULL));
    assert_int_equal(f.gone, number);
    assert_null(dispatch_find(id, &f.d));
    assert_null(audio_taps(f.d.audio)->sets);
}

/* What is wrong is answered with as much of it as could be read, and nothing else happens. */
static void hostile_lines(void **state)
{
    static const struct {
        const char *line, *part;
    } rows[] = {
        { "\n", "invalid_command" },
        { "{\n", "invalid_command" },
        { "null\n", "invalid_command" },
        { "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n", "invalid_command" },
        { "{\"type\":\"pause\"}\n", "invalid_command" },
        { "{\"type\":\"pause\",\"channel_id\":\"0\",\"tag\":\"a\"}\n", "\"tag\":\"a\"" },
        { "{\"type\":\"pause\",\"channel_id\":5,\"tag\":\"b\"}\n", "\"tag\":\"b\"" },
        { "{\"type\":\"paused\",\"channel_id\":\"5\"}\n", "invalid_command" },
        { "{\"type\":\"hello\",\"client\":\"\xff\"}\n", "invalid_command" },
    };
    static char big[COMMAND_LINE_MAX + 3];
    char id[OWNER_ID_BYTES + 1];
    int sock = join(id);
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        say(sock, rows[i].line);
        ROW_TRUE(rows[i].line, strstr(hear(sock), rows[i].part) != NULL);
    }
    memset(big, 'x', COMMAND_LINE_MAX + 1);
    big[COMMAND_LINE_MAX + 1] = '\n';
    say(sock, big);
    assert_non_null(strstr(hear(sock), "line_too_long"));
    assert_int_equal(f.n_tickets, 0);
    say(sock, "{\"type\":\"stats\"}\n");
    assert_non_null(strstr(hear(sock), "\"streaming\":3"));
    (void)close(sock);
}

static void what_is_not_of_one_session(void **state)
{
    char id[OWNER_ID_BYTES + 1];
    int sock = join(id);
    say(sock, "{\"type\":\"status\",\"tag\":\"s\"}\n");
    assert_string_equal(hear(sock),
                        "{\"type\":\"status\",\"sessions\":[],\"calls\":[],\"tag\":\"s\"}\n");
    f.have_plays = true;
    say(sock, "{\"type\":\"status\",\"channel_id\":\"5\"}\n");
    assert_non_null(strstr(hear(sock), "\"play_id\":\"p\""));
    say(sock, "{\"type\":\"stats\",\"tag\":\"s\"}\n");
    const char *stats = hear(sock);
    assert_non_null(strstr(stats, "\"busy\":2"));
    assert_non_null(strstr(stats, "\"hits\":1"));
    assert_non_null(strstr(stats, "\"tag\":\"s\""));
    (void)close(sock);
}

static void a_slow_consumer_is_told(void **state)
{
    char id[OWNER_ID_BYTES + 1];
    int sock = join(id);
    uint64_t number = owner_number(owners_find(f.d.owners, id));
    dispatch_slow(number, 5, 12, &f.d);
    const char *line = hear(sock);
    assert_non_null(strstr(line, "slow_consumer"));
    assert_non_null(strstr(line, "12 frames"));
    assert_null(strstr(line, "play_id"));
    f.have_plays = true;
    dispatch_slow(number, 5, 1, &f.d);
    assert_non_null(strstr(hear(sock), "\"play_id\":\"p\""));
    dispatch_slow(UINT64_MAX, 5, 1, &f.d); /* gone meanwhile */
    assert_string_equal(hear(sock), "");
    (void)close(sock);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv)
{
    mini_voice_main(argv);
    const struct CMUnitTest tests[] = {
        TEST(commands_reach_the_sessions),
        TEST(who_reads_an_answer),
        TEST(a_channel_is_connected_and_left),
        TEST(who_reads_an_answer),
        TEST(the_asker_is_gone),
        TEST(an_older_connection_is_replaced),
        TEST(nobody_comes_back),
        TEST(hostile_lines),
        TEST(what_is_not_of_one_session),
        TEST(a_slow_consumer_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

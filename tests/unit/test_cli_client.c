/* The command line's control connection, with the test as the daemon. */
#include "cli/client.h"
#include "base/cleanup.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#define HELLO "{\"type\":\"hello\",\"protocol\":1,\"client\":\"me\"}\n"

static struct {
    char dir[TEST_DIR_BYTES], path[TEST_DIR_BYTES + 16];
    int listener, sock;
    const char *greeting;
    pthread_t thread;
    struct control_client *client;
} f;

static int set_up(void **state)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    memset(&f, 0, sizeof f);
    f.sock = -1;
    test_dir_make(f.dir);
    (void)snprintf(f.path, sizeof f.path, "%s/control", f.dir);
    (void)snprintf(a.sun_path, sizeof a.sun_path, "%s", f.path);
    f.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(f.listener, (struct sockaddr *)&a, sizeof a), 0);
    return listen(f.listener, 4);
}

static int tear_down(void **state)
{
    client_free(f.client);
    if (f.sock >= 0)
        (void)close(f.sock);
    (void)close(f.listener);
    (void)unlink(f.path);
    return rmdir(f.dir);
}

/* Greets, and leaves at once after an empty greeting. */
static void *greet(void *arg)
{
    f.sock = accept(f.listener, NULL, NULL);
    if (*f.greeting)
        (void)!write(f.sock, f.greeting, strlen(f.greeting));
    else
        (void)close(TAKE_FD(f.sock));
    return NULL;
}

static int open_with(const char *greeting)
{
    f.greeting = greeting;
    assert_int_equal(pthread_create(&f.thread, NULL, greet, NULL), 0);
    int r = client_open(f.path, &f.client);
    assert_int_equal(pthread_join(f.thread, NULL), 0);
    return r;
}

static void say(const char *lines)
{
    assert_int_equal(write(f.sock, lines, strlen(lines)), strlen(lines));
}

static void greetings(void **state)
{
    static const struct {
        const char *greeting;
        int answer;
    } rows[] = {
        { "", -EPIPE },
        { "no JSON\n", -EPROTO },
        { "[1]\n", -EPROTO },
        { "{\"type\":\"hello\",\"protocol\":2,\"client\":\"me\"}\n", -EPROTO },
        { "{\"type\":\"hello\",\"protocol\":1}\n", -EPROTO },
        { "{\"type\":\"ready\",\"protocol\":1,\"client\":\"me\"}\n", -EPROTO },
        { HELLO, 0 },
    };
    for (size_t i = 0; i < LENGTH_OF(rows); i++) {
        ROW_TRUE(rows[i].greeting, open_with(rows[i].greeting) == rows[i].answer);
        if (rows[i].answer < 0 && f.sock >= 0)
            (void)close(TAKE_FD(f.sock));
    }
    assert_string_equal(client_id(f.client), "me");
}

static void nobody_there(void **state)
{
    (void)unlink(f.path);
    assert_int_equal(client_open(f.path, &f.client), -ENOENT);
    (void)close(creat(f.path, 0600));
    assert_int_equal(client_open(f.path, &f.client), -ECONNREFUSED);
}

static void events_in_pieces(void **state)
{
    json_t *event = NULL;
    assert_int_equal(open_with(HELLO), 0);
    assert_int_equal(client_next(f.client, &event), 0);
    say("{\"type\":\"a\",\"n\":1.5}\n{\"type\":");
    assert_int_equal(client_next(f.client, &event), 1);
    assert_true(event_is(event, "a") && event_number(event, "n", 0) == 1.5);
    assert_string_equal(event_text(event, "n", "otherwise"), "otherwise");
    json_decref(event);
    assert_int_equal(client_next(f.client, &event), 0);
    say("\"b\"}\n");
    assert_int_equal(client_next(f.client, &event), 1);
    assert_true(event_is(event, "b") && event_number(event, "type", -1) == -1);
    json_decref(event);
    say("}\n");
    assert_int_equal(client_next(f.client, &event), -EPROTO);
    (void)close(TAKE_FD(f.sock));
    assert_int_equal(client_next(f.client, &event), -EPIPE);
}

/* The answer is known by its tag; what else comes on the way is dropped. */
static void answers(void **state)
{
    char line[256] = "";
    json_t *answer = NULL;
    assert_int_equal(open_with(HELLO), 0);
    say("{\"type\":\"other\"}\n{\"type\":\"x\",\"tag\":\"c2\"}\n{\"type\":\"y\",\"tag\":\"c1\"}\n");
    assert_int_equal(client_ask(f.client, json_pack("{s:s}", "type", "stats"), &answer), 0);
    assert_true(event_is(answer, "y"));
    json_decref(answer);
    assert_true(read(f.sock, line, sizeof line - 1) > 0);
    assert_string_equal(line, "{\"type\":\"stats\",\"tag\":\"c1\"}\n");
    assert_int_equal(client_send(f.client, NULL, NULL), -ENOMEM);
    (void)close(TAKE_FD(f.sock));
    assert_int_equal(client_ask(f.client, json_object(), &answer), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = { TEST(greetings), TEST(nobody_there), TEST(events_in_pieces),
                                        TEST(answers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

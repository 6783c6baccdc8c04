/* What workers write becomes lines of the daemon's log, and never more than that. */
#include "base/log.h"
#include "loop.h"
#include "pool/worker_log.h"

#include <errno.h>
#include <fcntl.h>

enum { CAPTURED_BYTES = 1 << 20 };

static struct {
    uv_loop_t loop;
    struct worker_log *log;
    int saved, captured;
    char text[CAPTURED_BYTES];
} f;

static int set_up(void **state)
{
    char path[] = "/tmp/tutti-unit-XXXXXX";
    memset(&f, 0, sizeof f);
    f.captured = mkstemp(path);
    assert_true(f.captured >= 0);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(worker_log_new(&f.loop, &f.log), 0);
    log_setup("tuttid", LOG_INFO, LOG_TEXT);
    f.saved = dup(STDERR_FILENO);
    assert_true(f.saved >= 0 && dup2(f.captured, STDERR_FILENO) >= 0);
    return 0;
}

/* What the daemon has logged so far. */
static const char *logged(void)
{
    ssize_t n = pread(f.captured, f.text, sizeof f.text - 1, 0);
    f.text[n > 0 ? n : 0] = '\0';
    return f.text;
}

static void end(void)
{
    worker_log_free(f.log);
    f.log = NULL;
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
}

static int tear_down(void **state)
{
    worker_log_free(f.log);
    assert_true(dup2(f.saved, STDERR_FILENO) >= 0);
    (void)close(f.saved);
    (void)close(f.captured);
    loop_end(&f.loop);
    return 0;
}

static bool has_logged(void *arg)
{
    return strstr(logged(), arg) != NULL;
}

static bool await_logged(const char *text)
{
    return loop_until(&f.loop, has_logged, (void *)text);
}

/* As a worker does, who cannot wait. Returns false if there was no room. */
static bool write_all(const char *bytes, size_t len)
{
    ssize_t n = write(worker_log_fd(f.log), bytes, len);
    return n == (ssize_t)len;
}

static void say(const char *text)
{
    assert_true(write_all(text, strlen(text)));
}

static void lines_with_their_level(void **state)
{
    say("tutti-worker: error: zygote: e\n"
        "tutti-worker: info: follow: i\n"
        "tutti-worker: debug: track: not shown\n"
        "tutti-worker: loud: x: y\n"
        "free(): invalid pointer\n"
        "\n"
        "half ");
    assert_true(await_logged("invalid"));
    assert_string_equal(logged(), "tuttid: error: worker: zygote: e\n"
                                  "tuttid: info: worker: follow: i\n"
                                  "tuttid: error: worker: tutti-worker: loud: x: y\n"
                                  "tuttid: error: worker: free(): invalid pointer\n");
    say("and half\n");
    assert_true(await_logged("worker: half and half\n"));
}

static void in_json(void **state)
{
    log_setup("tuttid", LOG_DEBUG, LOG_JSON);
    say("tutti-worker: debug: track: a \"quoted\" one\n");
    assert_true(await_logged("\"level\":\"debug\",\"program\":\"tuttid\",\"topic\":\"worker\","
                             "\"message\":\"track: a \\\"quoted\\\" one\"}\n"));
}

/* Whatever it writes, each line of the log begins as the daemon's lines about workers do. */
static void nothing_is_forged(void **state)
{
    static const char start[] = "tuttid: error: worker: ";
    static char long_line[3000];
    uint64_t seed = 7;
    say("tuttid: error: pool: forged\n\x1b[2Jclean\rtuttid: error: pool: forged\n");
    memset(long_line, 'x', sizeof long_line);
    assert_true(write_all(long_line, sizeof long_line));
    say("\ntuttid: info: daemon: forged\n");
    for (int i = 0; i < 50; i++) {
        char bytes[300];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (char)test_random(&seed);
        assert_true(write_all(bytes, sizeof bytes));
    }
    say("\nlast\n");
    assert_true(await_logged("worker: last\n"));
    const char *line = logged();
    for (unsigned n = 0; *line != '\0'; n++) {
        const char *next = strchr(line, '\n');
        assert_non_null(next);
        assert_int_equal(strncmp(line, start, strlen(start)), 0);
        assert_true(next - line < 1100);
        for (const char *c = line; c < next; c++)
            assert_true((unsigned char)*c >= ' ' && *c != 0x7f);
        line = next + 1;
    }
}

static unsigned count_lines(void)
{
    unsigned n = 0;
    for (const char *c = logged(); (c = strchr(c, '\n')) != NULL; c++)
        n++;
    return n;
}

static void on_tick(uv_timer_t *timer)
{
    ++*(unsigned *)timer->data;
}

/* Somebody who writes without end is not read without end: his pipe is full, nobody waits for him,
 * and the log grows by what a minute may bring, not by what he can write. */
static void a_flood(void **state)
{
    unsigned n_ticks = 0;
    uv_timer_t tick;
    (void)uv_timer_init(&f.loop, &tick);
    tick.data = &n_ticks;
    (void)uv_timer_start(&tick, on_tick, 5, 5);
    unsigned long n_written = 0, n_lost = 0;
    while (n_ticks < 300) {
        for (int i = 0; i < 100; i++) {
            bool fits = write_all("tuttid: error: pool: forged\n\n", 29);
            n_written += fits;
            n_lost += !fits;
        }
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_true(n_lost > n_written);
    assert_in_range(count_lines(), 100, 700);
    const char *warned = strstr(logged(), "workers write too much");
    assert_non_null(warned);
    assert_null(strstr(warned + 1, "workers write too much")); /* said once */
}

/* When it is over, others are heard again. */
static void after_a_flood(void **state)
{
    for (int i = 0; i < 520; i++)
        (void)write_all("x\n", 2);
    assert_true(await_logged("workers write too much"));
    say("tutti-worker: error: worker: honest\n");
    assert_true(await_logged("worker: worker: honest\n"));
}

static void what_is_left_at_the_end(void **state)
{
    say("one\ntwo\nthe dying do not finish");
    end();
    assert_string_equal(logged(), "tuttid: error: worker: one\n"
                                  "tuttid: error: worker: two\n"
                                  "tuttid: error: worker: the dying do not finish\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_with_their_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(in_json, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_is_forged, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_flood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(after_a_flood, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_left_at_the_end, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Control connections: how bytes become lines, how lines leave, and when a connection is closed. */
#include "loop.h"
#include "proto/command.h"
#include "sandbox/relaxed.h"
#include "server/control.h"
#include "server/client_limits.h"

#include <errno.h>
#include <malloc.h>
#include <sys/socket.h>

enum { CONNECTIONS_MAX = 3, FLOOD_LINE_BYTES = 7, FLOOD_LINES = 10000 };

static struct {
    uv_loop_t loop;
    struct controls controls;
    struct control_conn *conn;
    int sock; /* the client's end */
    unsigned n_opened, n_lines, n_too_long, n_closed;
    char *last; /* the last line */
    size_t last_len;
    unsigned want_lines;
    bool close_at_line;
    unsigned close_at, n_others_lines, n_ticks;
} f;

static void on_opened(struct control_conn *c, void *arg)
{
    f.n_opened++;
    f.conn = c;
}

static void on_line(struct control_conn *c, const char *line, size_t len, void *arg)
{
    f.n_lines++;
    free(f.last);
    f.last = malloc(len + 1);
    memcpy(f.last, line, len);
    f.last[len] = '\0';
    f.last_len = len;
    if (f.close_at_line)
        control_close(c);
}

static void on_line_too_long(struct control_conn *c, void *arg)
{
    f.n_too_long++;
}

static void on_closed(struct control_conn *c, void *arg)
{
    f.n_closed++;
    f.conn = NULL;
}

/* Makes a connection; returns the client's end. */
static int add_connection(void)
{
    int pair[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
    control_accept(&f.controls, pair[0]);
    return pair[1];
}

static int set_up(void **state)
{
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    struct control_ops ops = {
        .opened = on_opened, .line = on_line, .line_too_long = on_line_too_long, .closed = on_closed
    };
    controls_init(&f.controls, &f.loop, &ops, CONNECTIONS_MAX);
    f.sock = add_connection();
    assert_int_equal(f.n_opened, 1);
    return 0;
}

static int tear_down(void **state)
{
    if (f.sock >= 0)
        (void)close(f.sock);
    controls_finish(&f.controls);
    loop_end(&f.loop);
    free(f.last);
    return 0;
}

static void turn(void)
{
    do
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    while (f.controls.waiting || f.controls.telling);
}

/* Writes everything, in pieces of at most `piece`, the daemon reading in between. */
static void write_all(const char *bytes, size_t len, size_t piece)
{
    while (len > 0) {
        ssize_t n = send(f.sock, bytes, len < piece ? len : piece, MSG_NOSIGNAL);
        assert_true(n > 0 || errno == EAGAIN);
        bytes += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
        turn();
    }
    turn();
}

static void write_text(const char *text)
{
    write_all(text, strlen(text), SIZE_MAX);
}

static void lines_in_any_pieces(void **state)
{
    static const char text[] = "one\ntwo\n\nthree and more\r\n";
    static const size_t pieces[] = { 1, 2, 3, 5, 7, 100 };
    for (size_t i = 0; i < LENGTH_OF(pieces); i++) {
        f.n_lines = 0;
        write_all(text, sizeof text - 1, pieces[i]);
        assert_int_equal(f.n_lines, 4); /* the empty one is a line, too */
        assert_string_equal(f.last, "three and more\r");
    }
    write_text("without an end");
    assert_int_equal(f.n_lines, 4);
    write_text(" until now\n");
    assert_string_equal(f.last, "without an end until now");
    write_all("a\0b\n", 4, 4);
    assert_int_equal(f.last_len, 3);
    assert_memory_equal(f.last, "a\0b", 3);
}

static void the_longest_line(void **state)
{
    static char big[2 * COMMAND_LINE_MAX + 10];
    static const size_t pieces[] = { 1000, COMMAND_LINE_MAX - 1, COMMAND_LINE_MAX, SIZE_MAX };
    for (size_t i = 0; i < LENGTH_OF(pieces); i++) {
        f.n_lines = f.n_too_long = 0;
        memset(big, 'x', sizeof big);
        big[COMMAND_LINE_MAX] = '\n';
        write_all(big, COMMAND_LINE_MAX + 1, pieces[i]);
        assert_int_equal(f.n_lines, 1);
        assert_int_equal(f.last_len, COMMAND_LINE_MAX);
        assert_int_equal(f.n_too_long, 0);
        big[COMMAND_LINE_MAX] = 'x';
        big[COMMAND_LINE_MAX + 1] = '\n'; /* one byte too many */
        write_all(big, COMMAND_LINE_MAX + 2, pieces[i]);
        assert_int_equal(f.n_lines, 1);
        assert_int_equal(f.n_too_long, 1);
        big[COMMAND_LINE_MAX + 1] = 'x';
        big[sizeof big - 1] = '\n';
        write_all(big, sizeof big, pieces[i]);
        assert_int_equal(f.n_too_long, 2); /* said once a line, however long it is */
        write_text("and on\n");
        assert_int_equal(f.n_lines, 2);
        assert_string_equal(f.last, "and on");
    }
    assert_int_equal(f.n_closed, 0);
}

static void the_client_leaves(void **state)
{
    uint64_t number = f.conn->number;
    assert_ptr_equal(control_find(&f.controls, number), f.conn);
    write_text("half a line");
    assert_int_equal(close(f.sock), 0);
    f.sock = -1;
    turn();
    assert_int_equal(f.n_closed, 1);
    assert_int_equal(f.n_lines, 0);
    assert_null(control_find(&f.controls, number));
    f.sock = add_connection();
    assert_non_null(f.conn);
    assert_int_equal(f.conn->number, number + 1); /* never used twice */
}

/* Lines behind the one that closed the connection are not heard. */
static void closed_by_its_own_line(void **state)
{
    f.close_at_line = true;
    write_all("begun ", 6, 6);
    write_all("here\nmore\nand more\n", 19, 19);
    assert_int_equal(f.n_lines, 1);
    assert_int_equal(f.n_closed, 1);
    char byte;
    turn();
    assert_true(recv(f.sock, &byte, 1, 0) <= 0);
}

/* A line of a flood says its number, and takes the daemon a while, as commands do. */
static void on_line_of_flood(struct control_conn *c, const char *line, size_t len, void *arg)
{
    if (c != f.conn) {
        f.n_others_lines++;
        return;
    }
    assert_int_equal(len, FLOOD_LINE_BYTES - 1);
    assert_int_equal(strtoul(line, NULL, 10), f.n_lines);
    uint64_t end_ns = uv_hrtime() + 10000;
    while (uv_hrtime() < end_ns)
        ;
    if (++f.n_lines == f.close_at)
        control_close(c);
}

/* Sends it all at once, for the daemon to find when it looks. */
static void send_flood(void)
{
    static char flood[FLOOD_LINES * FLOOD_LINE_BYTES + 1];
    for (int i = 0; i < FLOOD_LINES; i++)
        (void)snprintf(flood + i * FLOOD_LINE_BYTES, FLOOD_LINE_BYTES + 1, "%06d\n", i);
    f.controls.ops.line = on_line_of_flood;
    assert_int_equal(send(f.sock, flood, FLOOD_LINES * FLOOD_LINE_BYTES, MSG_NOSIGNAL),
                     FLOOD_LINES * FLOOD_LINE_BYTES);
}

static void on_tick(uv_timer_t *timer)
{
    f.n_ticks++;
}

/* However much comes at once, timers and others have their turn in between; then all of it has been
 * heard, in order, and the end that followed. */
static void a_flood_leaves_time_for_others(void **state)
{
    struct control_conn *flooding = f.conn;
    uv_timer_t timer;
    int other = add_connection();
    f.conn = flooding;
    (void)uv_timer_init(&f.loop, &timer);
    (void)uv_timer_start(&timer, on_tick, 1, 1);
    send_flood();
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_in_range(f.n_lines, 1, FLOOD_LINES / 2);
    assert_int_equal(send(other, "hello\n", 6, MSG_NOSIGNAL), 6);
    while (f.n_others_lines == 0)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_in_range(f.n_lines, 1, FLOOD_LINES / 2);
    (void)close(f.sock);
    f.sock = -1;
    while (f.n_closed == 0)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.n_lines, FLOOD_LINES);
    assert_true(f.n_ticks > 10);
    uv_close((uv_handle_t *)&timer, NULL);
    (void)close(other);
    turn();
}

static void many_floods_at_once(void **state)
{
    int socks[CONNECTIONS_MAX - 1];
    f.controls.ops.line = on_line;
    for (size_t i = 0; i < LENGTH_OF(socks); i++) {
        char newlines[50000];
        memset(newlines, '\n', sizeof newlines);
        socks[i] = add_connection();
        assert_int_equal(send(socks[i], newlines, sizeof newlines, MSG_NOSIGNAL), sizeof newlines);
        (void)close(socks[i]);
    }
    while (f.n_closed < LENGTH_OF(socks))
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.n_lines, LENGTH_OF(socks) * 50000);
}

/* What waits for its turn is not heard when the connection is closed before, … */
static void closed_in_a_flood(void **state)
{
    f.close_at = 100;
    send_flood();
    turn();
    assert_int_equal(f.n_lines, 100);
    assert_int_equal(f.n_closed, 1);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_false(uv_is_active((uv_handle_t *)&f.controls.idle));
}

/* … nor when the daemon ends. */
static void the_end_in_a_flood(void **state)
{
    send_flood();
    while (!f.controls.waiting)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    unsigned n = f.n_lines;
    controls_finish(&f.controls);
    while (f.n_closed == 0)
        (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(f.n_lines, n);
}

static void too_many_connections(void **state)
{
    int socks[4];
    for (size_t i = 0; i < LENGTH_OF(socks); i++)
        socks[i] = add_connection();
    assert_int_equal(f.n_opened, CONNECTIONS_MAX);
    for (size_t i = 0; i < LENGTH_OF(socks); i++) {
        char bytes[200] = "";
        bool refused = i >= CONNECTIONS_MAX - 1;
        ssize_t n = recv(socks[i], bytes, sizeof bytes - 1, 0);
        if (refused) { /* told why, and closed */
            assert_non_null(strstr(bytes, "too many control connections"));
            assert_int_equal(bytes[n - 1], '\n');
            n = recv(socks[i], bytes, sizeof bytes, 0);
        }
        assert_int_equal(n, refused ? 0 : -1); /* closed, or open and silent */
        (void)close(socks[i]);
    }
    turn();
    (void)close(f.sock);
    turn();
    f.sock = add_connection(); /* there is room again */
    assert_int_equal(f.n_opened, CONNECTIONS_MAX + 1);
}

static char *make_line(size_t number)
{
    char *line = malloc(1001);
    assert_non_null(line);
    (void)snprintf(line, 1001, "%09zu%*s\n", number, 990, "");
    return line;
}

static void say_line(size_t number)
{
    char *line = make_line(number);
    control_send(f.conn, line, strlen(line));
    free(line);
}

/* Reads what there is; checks that the lines come in order and whole. */
static void read_lines(size_t *n_bytes)
{
    char bytes[7001];
    ssize_t n;
    while ((n = recv(f.sock, bytes, sizeof bytes, 0)) > 0) {
        for (ssize_t i = 0; i < n; i++, ++*n_bytes) {
            char number[24];
            (void)snprintf(number, sizeof number, "%09zu", *n_bytes / 1000);
            size_t at = *n_bytes % 1000;
            char want = at < 9 ? number[at] : at == 999 ? '\n' : ' ';
            assert_int_equal(bytes[i], want);
        }
    }
}

static void a_slow_reader_gets_everything(void **state)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < 1000; i++) {
        assert_non_null(f.conn);
        say_line(i); /* far more than the socket takes */
    }
    while (n_bytes < 1000 * 1000) {
        assert_int_equal(f.n_closed, 0);
        read_lines(&n_bytes);
        turn();
    }
    assert_int_equal(f.n_closed, 0);
}

static void one_that_never_reads_is_closed(void **state)
{
    size_t sent = 0;
    while (f.conn && sent < 10000)
        say_line(sent++);
    assert_int_equal(f.n_closed, 1);
    /* Not before it left more than the limit unread, and not long after. */
    assert_in_range(sent * 1000, LIMIT_CONTROL_UNREAD_BYTES,
                    LIMIT_CONTROL_UNREAD_BYTES + (1 << 20));
}

/* Many short lines take the room of their bytes: what each was kept in took ten times as much. */
static void short_lines_take_little_room(void **state)
{
    static const char line[] = "a short line of them\n";
    enum { LEN = sizeof line - 1, N = LIMIT_CONTROL_UNREAD_BYTES / LEN };
    struct mallinfo2 before = mallinfo2();
    for (int i = 0; i < N; i++)
        control_send(f.conn, line, LEN);
    struct mallinfo2 after = mallinfo2();
    assert_int_equal(f.n_closed, 0);
    if (!sandbox_is_relaxed()) /* a sanitizer's malloc tells nothing */
        assert_in_range(after.uordblks + after.hblkhd - before.uordblks - before.hblkhd, 1,
                        4 * LIMIT_CONTROL_UNREAD_BYTES);
    size_t n_bytes = 0;
    while (n_bytes < (size_t)N * LEN) {
        char bytes[100 * LEN];
        ssize_t n = recv(f.sock, bytes, sizeof bytes, 0);
        for (ssize_t i = 0; i < n; i++, n_bytes++)
            assert_int_equal(bytes[i], line[n_bytes % LEN]);
        turn();
    }
    say_line(0); /* and life goes on */
    n_bytes = 0;
    turn();
    read_lines(&n_bytes);
    assert_int_equal(n_bytes, 1000);
}

static void no_memory_for_a_line(void **state)
{
    control_send(f.conn, NULL, 0);
    assert_int_equal(f.n_closed, 1);
}

/* The end of the daemon: what was said before still arrives. */
static void the_last_words_arrive(void **state)
{
    size_t n_bytes = 0;
    for (size_t i = 0; i < 500; i++) {
        assert_non_null(f.conn);
        say_line(i);
    }
    controls_finish(&f.controls);
    while (f.n_closed == 0) {
        read_lines(&n_bytes);
        turn();
    }
    read_lines(&n_bytes);
    assert_int_equal(n_bytes, 500 * 1000);
    char byte;
    turn();
    assert_int_equal(recv(f.sock, &byte, 1, 0), 0);
}

/* A line is copied and leaves when the loop comes round, not from within whatever says it: with
 * all that were said until then, and in few turns of the loop to few. */
static void lines_leave_from_the_loop(void **state)
{
    char bytes[64];
    control_send(f.conn, "one\n", 4);
    control_send(f.conn, "two\n", 4);
    assert_int_equal(recv(f.sock, bytes, sizeof bytes, 0), -1);
    (void)uv_run(&f.loop, UV_RUN_NOWAIT);
    assert_int_equal(recv(f.sock, bytes, sizeof bytes, 0), 8);
    assert_memory_equal(bytes, "one\ntwo\n", 8);
    assert_false(uv_is_active((uv_handle_t *)&f.controls.idle));
}

/* What a client is told last it is told, though the connection is closed in the same breath. */
static void closed_with_a_line_unsent(void **state)
{
    char bytes[64];
    control_send(f.conn, "farewell\n", 9);
    control_close(f.conn);
    turn();
    assert_int_equal(recv(f.sock, bytes, sizeof bytes, 0), 9);
    assert_int_equal(recv(f.sock, bytes, sizeof bytes, 0), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(lines_in_any_pieces),
        TEST(the_longest_line),
        TEST(the_client_leaves),
        TEST(closed_by_its_own_line),
        TEST(a_flood_leaves_time_for_others),
        TEST(many_floods_at_once),
        TEST(closed_in_a_flood),
        TEST(the_end_in_a_flood),
        TEST(too_many_connections),
        TEST(a_slow_reader_gets_everything),
        TEST(one_that_never_reads_is_closed),
        TEST(short_lines_take_little_room),
        TEST(no_memory_for_a_line),
        TEST(the_last_words_arrive),
        TEST(lines_leave_from_the_loop),
        TEST(closed_with_a_line_unsent),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The process tutti-voice as the daemon sees it: messages, descriptors, batches, its death. */
#include "link/voice_process.h"
#include "loop.h"
#include "mini_voice.h"

#include <errno.h>
#include <signal.h>

static struct {
    uv_loop_t loop;
    struct voice_process *process;
    struct vmsg last;
    unsigned n_sockets, n_replaced, n_messages;
    bool is_ready, is_counted, is_replaced;
} f;

static void on_message(const struct vmsg *m, void *arg)
{
    f.last = *m;
    f.n_messages++;
    f.is_ready = f.is_ready || m->type == VMSG_STATE;
    f.is_counted = f.is_counted || m->type == VMSG_COUNTS;
}

static void on_socket(uint32_t number, int fd, void *arg)
{
    assert_int_equal(number, 1);
    f.n_sockets++;
    (void)close(fd);
}

static void on_writable(void *arg)
{
}

static void on_replaced(void *arg)
{
    f.n_replaced++;
    f.is_replaced = true;
}

static void on_hopeless(const char *why, void *arg)
{
    fail_msg("hopeless: %s", why);
}

static int begin(void **state)
{
    const struct voice_process_ops ops = { on_message,  on_socket,   on_writable,
                                           on_replaced, on_hopeless, NULL };
    const struct voice_config config = mini_voice_config();
    memset(&f, 0, sizeof f);
    assert_int_equal(uv_loop_init(&f.loop), 0);
    assert_int_equal(voice_process_new(&f.loop, &config, &ops, &f.process), 0);
    return 0;
}

static int end(void **state)
{
    voice_process_free(f.process);
    loop_end(&f.loop);
    return 0;
}

static void connect_one(const char *endpoint)
{
    struct vmsg m = { .type = VMSG_CONNECT, .id = 4, .connect = { .guild = 1 } };
    (void)snprintf(m.connect.endpoint, sizeof m.connect.endpoint, "%s", endpoint);
    assert_int_equal(voice_process_send(f.process, &m, -1), 0);
}

static void messages_and_descriptors_go_both_ways(void **state)
{
    uint8_t batch[VMSG_BATCH_MAX] = { 0 };
    size_t len = sizeof(struct vmsg_batch);
    const struct vmsg_record r = { 99, 4, VMSG_FRAME, 1 };
    assert_int_equal(voice_process_send(f.process, &(struct vmsg){ .type = VMSG_DISCONNECT }, -1),
                     -ENOTCONN);
    assert_false(voice_process_send_batch(f.process, batch, len));
    assert_int_equal(voice_process_pid(f.process), -1);
    assert_int_equal(voice_process_start(f.process), 0);
    assert_int_equal(voice_process_start(f.process), 0); /* it runs already */
    assert_true(voice_process_pid(f.process) > 0);
    connect_one("a.discord.media");
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_ready));
    assert_int_equal(f.n_sockets, 1);
    assert_true(vmsg_batch_add(batch, &len, &r, (const uint8_t *)"x"));
    assert_true(voice_process_send_batch(f.process, batch, len));
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_counted));
    assert_int_equal(f.last.counts.packets, 1);
    assert_int_equal(f.last.counts.failed, 99);
}

static void another_one_takes_its_place(void **state)
{
    uint8_t batch[64] = { 0 };
    assert_int_equal(voice_process_start(f.process), 0);
    pid_t first = voice_process_pid(f.process);
    connect_one("die.discord.media");
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_replaced));
    assert_int_equal(f.n_replaced, 1);
    assert_true(voice_process_pid(f.process) != first);
    assert_true(voice_process_send_batch(f.process, batch, sizeof(struct vmsg_batch)));
    connect_one("a.discord.media");
    assert_true(loop_until(&f.loop, loop_is_true, &f.is_ready));
}

int main(int argc, char **argv)
{
    mini_voice_main(argv);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(messages_and_descriptors_go_both_ways, begin, end),
        cmocka_unit_test_setup_teardown(another_one_takes_its_place, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

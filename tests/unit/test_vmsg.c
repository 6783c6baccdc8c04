/* Messages and batches between tuttid and tutti-voice. */
#include "proto/vmsg.h"
#include "unit.h"

#include <errno.h>

static struct vmsg example(void)
{
    struct vmsg m = { .type = VMSG_CONNECT,
                      .id = 7,
                      .connect = { .guild = 1,
                                   .user = UINT64_MAX,
                                   .channel = 3,
                                   .resumes = 1,
                                   .secrets = { .port = 50000, .seq_ack = -1 },
                                   .session_id = "session",
                                   .token = "token",
                                   .endpoint = "a.discord.media:443" } };
    return m;
}

static void messages_survive_the_way(void **state)
{
    uint8_t bytes[VMSG_MAX];
    for (uint32_t type = 1; type < VMSG_TYPE_END; type++) {
        struct vmsg m = example(), back;
        if (type != VMSG_CONNECT)
            memset(&m.connect, 0, sizeof m.connect);
        m.type = type;
        size_t len = vmsg_encode(&m, bytes);
        assert_int_equal(vmsg_decode(bytes, len, &back), 0);
        assert_int_equal(back.type, type);
        assert_int_equal(back.id, 7);
        assert_int_equal(vmsg_decode(bytes, len - 1, &back), -EBADMSG);
        bytes[len] = 0;
        assert_int_equal(vmsg_decode(bytes, len + 1, &back), -EBADMSG);
    }
}

static void what_makes_no_sense_is_refused(void **state)
{
    uint8_t bytes[VMSG_MAX];
    struct vmsg back;
#define REFUSED(change) \
    do { \
        struct vmsg m = example(); \
        change; \
        size_t len = vmsg_encode(&m, bytes); \
        assert_int_equal(vmsg_decode(bytes, len, &back), -EBADMSG); \
    } while (0)
    REFUSED(memset(m.connect.token, 'x', sizeof m.connect.token));
    REFUSED(m.connect.session_id[0] = '\n');
    REFUSED(m.connect.endpoint[0] = '\0');
    REFUSED(m.connect.resumes = 2);
    REFUSED(m.connect.reserved[5] = 1);
    REFUSED(m.connect.secrets.mode = VMSG_MODE_COUNT);
    REFUSED(m.connect.secrets.seq_ack = 65536);
    REFUSED(m.connect.secrets.seq_ack = -2);
#undef REFUSED
    uint32_t head[2] = { 0, 1 };
    assert_int_equal(vmsg_decode(head, sizeof head, &back), -EBADMSG);
    head[0] = VMSG_TYPE_END;
    assert_int_equal(vmsg_decode(head, sizeof head, &back), -EBADMSG);
    assert_int_equal(vmsg_decode(head, 7, &back), -EBADMSG);
}

static void a_batch_holds_what_was_put_in(void **state)
{
    static uint8_t bytes[VMSG_BATCH_MAX];
    uint8_t packet[VMSG_PACKET_MAX];
    size_t len = sizeof(struct vmsg_batch);
    uint64_t n = 0;
    memset(packet, 7, sizeof packet);
    for (;; n++) {
        struct vmsg_record r = { .tick = n,
                                 .id = (uint32_t)n,
                                 .kind = n % 3 == 2 ? VMSG_REST : VMSG_FRAME,
                                 .len = n % 3 == 2 ? 0 : (uint16_t)(1 + n * 37 % VMSG_PACKET_MAX) };
        if (!vmsg_batch_add(bytes, &len, &r, packet))
            break;
    }
    assert_in_range(n, 100, VMSG_RECORDS_MAX);
    struct vmsg_record r;
    const uint8_t *at_packet;
    size_t at = sizeof(struct vmsg_batch);
    for (uint64_t i = 0; i < n; i++) {
        assert_int_equal(vmsg_batch_next(bytes, len, &at, &r, &at_packet), 1);
        assert_int_equal(r.tick, i);
        if (r.len > 0)
            assert_memory_equal(at_packet, packet, r.len);
    }
    assert_int_equal(vmsg_batch_next(bytes, len, &at, &r, &at_packet), 0);
    at = sizeof(struct vmsg_batch);
    assert_int_equal(vmsg_batch_next(bytes, at + 15, &at, &r, &at_packet), -EBADMSG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages_survive_the_way),
        cmocka_unit_test(what_makes_no_sense_is_refused),
        cmocka_unit_test(a_batch_holds_what_was_put_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

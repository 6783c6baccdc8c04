/* The post: what is said while it is held, when that is told, in which order, and what becomes of
 * it where there is no room left. */
#include "session/post.h"
#include "unit.h"

static struct {
    struct post *post;
    char log[4 * POST_LETTERS]; /* !: frames leave; a letter: the play of the event that is said */
    size_t n_logged;
    char last[POST_TEXT_BYTES + 100]; /* the last event's message */
    unsigned n_caused;                /* so many more events are posted by saying one */
    const char *caused;
} f;

static void on_flush(void *arg)
{
    f.log[f.n_logged++] = '!';
}

static void post(const char *play_id, const char *message)
{
    char id[8], text[POST_TEXT_BYTES + 100];
    struct event e = { .type = EVENT_WARNING, .play_id = id, .message = message ? text : NULL };
    struct ticket answer = { .number = (unsigned char)play_id[0] };
    (void)snprintf(id, sizeof id, "%s", play_id);
    (void)snprintf(text, sizeof text, "%s", message ? message : "");
    post_event(f.post, &e, play_id[0] == 'n' ? NULL : &answer, 7);
    memset(id, '?', sizeof id); /* nobody may look at them any more */
    memset(text, '?', sizeof text);
    memset(&answer, '?', sizeof answer);
}

static void on_say(const struct event *e, const struct ticket *answer, uint64_t owner, void *arg)
{
    assert_true(f.n_logged < sizeof f.log - 1);
    f.log[f.n_logged++] = e->play_id[0];
    (void)snprintf(f.last, sizeof f.last, "%s", e->message ? e->message : "");
    assert_int_equal(owner, 7);
    assert_int_equal(answer != NULL, e->play_id[0] != 'n');
    if (answer)
        assert_int_equal(answer->number, e->play_id[0]);
    size_t len = strlen(f.last);
    if (f.n_caused > 0) {
        f.n_caused--;
        post(f.caused, "t");
    }
    if (len > 0) /* its strings live as long as it is said */
        assert_int_equal(strspn(e->message, "t"), len);
}

static int set_up(void **state)
{
    static const struct post_ops ops = { .flush = on_flush, .say = on_say };
    memset(&f, 0, sizeof f);
    return post_new(&ops, &f.post);
}

static int tear_down(void **state)
{
    post_free(f.post);
    return 0;
}

static void said_at_once_behind_the_frames(void **state)
{
    post("a", "tt");
    assert_string_equal(f.last, "tt");
    post("n", NULL);
    assert_string_equal(f.log, "!a!n");
}

static void held_until_the_frames_have_left(void **state)
{
    post_hold(f.post);
    post("a", "t");
    post("n", NULL);
    post("b", "ttt");
    assert_string_equal(f.log, "");
    post_release(f.post);
    assert_string_equal(f.log, "!anb");
    assert_string_equal(f.last, "ttt");
    post("c", NULL);
    assert_string_equal(f.log, "!anb!c");
    post_hold(f.post); /* and again */
    post("d", NULL);
    post_release(f.post);
    assert_string_equal(f.log, "!anb!c!d");
}

/* What saying one causes comes behind all that were said before. */
static void said_while_another_is_said(void **state)
{
    post_hold(f.post);
    post("a", "tt");
    post("b", "ttt");
    f.n_caused = 2;
    f.caused = "c";
    post_release(f.post);
    assert_string_equal(f.log, "!abcc");
}

static void too_many_letters(void **state)
{
    post_hold(f.post);
    for (int i = 0; i < POST_LETTERS; i++)
        post("a", NULL);
    assert_int_equal(f.n_logged, 0);
    post("b", NULL);
    post("c", NULL);
    post_release(f.post);
    assert_int_equal(f.n_logged, POST_LETTERS + 4);
    assert_int_equal(f.log[0], '!');
    assert_int_equal(strspn(f.log + 1, "a"), POST_LETTERS);
    assert_string_equal(f.log + 1 + POST_LETTERS, "b!c");
}

static void too_much_text(void **state)
{
    static char text[POST_TEXT_BYTES + 50];
    post_hold(f.post);
    memset(text, 't', POST_TEXT_BYTES - 1);
    post("a", text); /* just fits */
    assert_string_equal(f.log, "");
    post("b", "");
    assert_string_equal(f.log, "!ab");
    memset(text, 't', sizeof text - 1); /* never fits */
    post("c", text);
    assert_string_equal(f.log, "!ab!c");
    post("d", "t");
    post_release(f.post);
    assert_string_equal(f.log, "!ab!c!d");
}

/* There is no room while others are said: the strings of the one in hand stay whole. */
static void no_room_while_another_is_said(void **state)
{
    static char text[POST_TEXT_BYTES];
    memset(text, 't', sizeof text - 1);
    post_hold(f.post);
    post("a", text);
    for (int i = 1; i < POST_LETTERS; i++)
        post("b", NULL);
    f.n_caused = 1;
    f.caused = "c";
    post_release(f.post);
    assert_int_equal(f.n_logged, POST_LETTERS + 3);
    assert_memory_equal(f.log, "!a!b", 4);
    assert_string_equal(f.log + POST_LETTERS, "bbc");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(said_at_once_behind_the_frames),
        TEST(held_until_the_frames_have_left),
        TEST(said_while_another_is_said),
        TEST(too_many_letters),
        TEST(too_much_text),
        TEST(no_room_while_another_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

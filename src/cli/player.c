#include "cli/player.h"

#include "base/clock.h"
#include "cli/hold.h"
#include "cli/options.h"
#include "cli/playlist.h"
#include "cli/say.h"
#include "cli/signals.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    BAR_MS = 200,    /* between two looks at the position, on a terminal */
    PLAIN_MS = 1000, /* and elsewhere */
    STOP_MS = 2000,  /* that an end in good order may take after a signal */
    QUIET_MS = 100,  /* without a frame after a play that ended early: none is under way */
    DEAF_MS = 1000,  /* for the daemon to say why it closed the audio connection */
    LOST_MS = 3000,  /* without the end marker that should come */
    TICK_MS = 50,    /* while one of these is awaited */
    FRAMES_A_TURN = 512,
};

struct play_run {
    const struct player_setup *setup;
    struct playlist list;
    char channel[24];
    int code;         /* of the exit */
    int signal;       /* that came, or 0 */
    uint64_t stop_ns; /* when waiting for an end in good order is over; 0: no stop was asked for */
    bool broken;      /* the recording cannot go on */
    bool ended;       /* the recording has its end */
    /* status */
    char status_tag[CLIENT_TAG_BYTES]; /* of the question under way, or "" */
    char owner_tag[CLIENT_TAG_BYTES];  /* of the question whose the channel is, or "" */
    bool said_waiting;                 /* for its turn */
    uint64_t status_ns;                /* when the next one is due */
    struct hold hold;
    /* audio */
    struct receiver *audio;     /* the setup's or our own; or NULL */
    struct receiver *own_audio; /* to free */
    unsigned owed;              /* frames that came since credit was given */
    bool has_credit;
    unsigned n_delivered;            /* plays that finished with frames: so many ends must come */
    uint64_t deaf_ns;                /* when the audio connection was closed on us, or 0 */
    const struct listed_play *first; /* that was ready */
    uint64_t audio_ns;               /* when the last frame or terminal event came */
};

static const struct player_item *item_of(const struct play_run *p, const struct listed_play *play)
{
    return &p->setup->items[play - p->list.plays];
}

/* Ends everything in good order, once: the plays of this list, the last one first, so that none
 * moves up, and none of anybody else's. */
static void ask_stop(struct play_run *p, uint64_t now_ns)
{
    p->list.closed = true;
    if (p->stop_ns != 0)
        return;
    p->stop_ns = now_ns + STOP_MS * NS_PER_MS;
    for (size_t i = p->list.n_placed; i-- > 0;) {
        const struct listed_play *play = &p->list.plays[i];
        if (play->state != PLAY_ENDED)
            (void)client_send(p->setup->client,
                              json_pack("{s:s, s:s, s:s}", "type", "stop", "channel_id", p->channel,
                                        "play_id", play->id),
                              NULL);
    }
}

static void fail_record(struct play_run *p, int err)
{
    if (p->broken)
        return;
    p->broken = true;
    ask_stop(p, clock_now_ns());
    progress_clear(p->setup->progress);
    if (err == -EPIPE)
        return; /* the listener has left: that is an end, and no failure */
    if (p->code < CLI_SYSTEM)
        p->code = CLI_SYSTEM;
    (void)fprintf(stderr, "tutti: cannot write %s: %s\n", record_name(p->setup->record),
                  strerror(-err));
}

static int place(struct play_run *p)
{
    struct listed_play *play = playlist_to_place(&p->list);
    if (!play)
        return 0;
    bool first = p->list.n_placed == 0;
    const struct player_setup *s = p->setup;
    json_t *command = json_pack("{s:s, s:s, s:s, s:s, s:f, s:b, s:b}", "type", "play", "channel_id",
                                p->channel, "url", item_of(p, play)->url, "play_id", play->id,
                                "position", first ? s->position : 0.0, "next", !first || s->next,
                                "keep_owner", (int)s->keep_owner);
    if (command && s->volume >= 0)
        (void)json_object_set_new(command, "volume", json_real(s->volume));
    playlist_placed(&p->list);
    return client_send(p->setup->client, command, NULL);
}

/* Lets the frames come, once it is known how the recording begins. */
static int start_frames(struct play_run *p, const struct listed_play *play)
{
    const struct player_setup *s = p->setup;
    if (!p->first)
        p->first = play;
    if (!s->credit_flow || p->has_credit || p->broken)
        return 0;
    p->has_credit = true;
    return receiver_credit(p->audio, s->channel, s->window);
}

static void record(struct play_run *p, const struct received_frame *frame)
{
    struct record *r = p->setup->record;
    if (!r || p->broken)
        return;
    int err = 0;
    if (!record_begun(r))
        err = record_begin(r, listed_play_lag(p->first), p->first->title);
    if (err == 0)
        err = record_frame(r, frame);
    if (err < 0)
        fail_record(p, err);
}

static int on_play_event(struct play_run *p, struct listed_play *play, const json_t *event)
{
    struct listed_play *before = playlist_current(&p->list);
    bool was_ready = before && before->state == PLAY_READY;
    if (playlist_take(&p->list, play, event)) {
        int code = say_end(p->setup->progress, item_of(p, play)->name, play, event);
        p->code = code > p->code ? code : p->code;
        if (!p->setup->own_daemon)
            say_hint(item_of(p, play)->name, event);
        p->n_delivered += play->frames > 0;
        p->audio_ns = clock_now_ns();
    } else {
        say_news(p->setup->progress, item_of(p, play)->name, play, event);
    }
    const struct listed_play *now = playlist_current(&p->list);
    if (now && now->state == PLAY_READY && (now != before || !was_ready))
        say_playing(p->setup->progress, item_of(p, now)->name, now);
    return play->state == PLAY_READY ? start_frames(p, play) : 0;
}

/* Nobody has listened since the play began: it goes on unheard, as a private daemon's would. The
 * bot of another play is not disturbed, as an attached connection gets this client's frames only.
 */
static void listen_instead(struct play_run *p)
{
    const struct player_setup *s = p->setup;
    int err = receiver_open(s->audio_path, client_id(s->client), false, &p->own_audio);
    if (err < 0)
        return;
    p->audio = p->own_audio;
    progress_say(s->progress, "note: no bot listens to the daemon: this plays on unheard");
}

static void say_waits(struct play_run *p)
{
    progress_say(p->setup->progress, "note: nobody listens: the daemon waits here until a bot "
                                     "connects to its audio socket");
}

static void notice_hold(struct play_run *p, double position, const char *state, uint64_t now_ns)
{
    enum hold_news news = hold_look(&p->hold, position, strcmp(state, "streaming") == 0, now_ns);
    if (news == HOLD_UNHEARD && p->setup->audio_path)
        (void)client_send(p->setup->client, json_pack("{s:s}", "type", "hello"), p->owner_tag);
    else if (news != HOLD_NONE)
        say_waits(p);
}

/* Frames come here only if the channel is this client's own: a bot that has it takes them when it
 * likes. */
static void on_owner(struct play_run *p, const json_t *hello)
{
    size_t i;
    json_t *session;
    p->owner_tag[0] = '\0';
    json_array_foreach(json_object_get(hello, "sessions"), i, session)
    {
        if (strcmp(event_text(session, "channel_id", ""), p->channel) == 0) {
            listen_instead(p);
            return;
        }
    }
    say_waits(p);
}

/* Somebody else's play is heard, behind which ours is to come. */
static void notice_turn(struct play_run *p, const json_t *session)
{
    const struct listed_play *play = playlist_current(&p->list);
    if (!p->setup->next || p->said_waiting || !session || !play || play->state != PLAY_PLACED)
        return;
    p->said_waiting = true;
    progress_say(p->setup->progress, "waiting for the end of %s",
                 event_text(session, "title", event_text(session, "url", "what plays")));
}

static void on_status(struct play_run *p, const json_t *event)
{
    p->status_tag[0] = '\0';
    const json_t *session = json_array_get(json_object_get(event, "sessions"), 0);
    struct listed_play *play = playlist_find(&p->list, event_text(session, "play_id", ""));
    if (!play)
        notice_turn(p, session);
    if (!play || play != playlist_current(&p->list))
        return;
    play->position = event_number(session, "position", play->position);
    uint64_t now_ns = clock_now_ns();
    struct progress_view view = {
        .title = say_title(item_of(p, play)->name, play),
        .state = event_text(session, "state", "streaming"),
        .position = play->position,
        .duration = play->duration,
    };
    if (!p->audio)
        notice_hold(p, play->position, view.state, now_ns);
    progress_show(p->setup->progress, &view, now_ns);
}

static int on_control(struct play_run *p)
{
    for (;;) {
        json_auto_t *event = NULL;
        int n = client_next(p->setup->client, &event);
        if (n <= 0)
            return n;
        struct listed_play *play = playlist_find(&p->list, event_text(event, "play_id", ""));
        if (p->status_tag[0] != '\0' && strcmp(event_text(event, "tag", ""), p->status_tag) == 0)
            on_status(p, event);
        else if (p->owner_tag[0] != '\0' && strcmp(event_text(event, "tag", ""), p->owner_tag) == 0)
            on_owner(p, event);
        else if (play)
            n = on_play_event(p, play, event);
        else if (event_is(event, "error") && p->stop_ns == 0 && !event_text(event, "play_id", NULL))
            p->code = options_refused(event);
        if (n < 0)
            return n;
    }
}

static int on_audio(struct play_run *p)
{
    const struct player_setup *s = p->setup;
    for (int i = 0; i < FRAMES_A_TURN; i++) {
        struct received_frame frame;
        int n = receiver_next(p->audio, &frame);
        if (n == -EPIPE || n == -ECONNRESET) {
            p->deaf_ns = clock_now_ns();
            return 0;
        }
        if (n <= 0)
            return n;
        if (frame.channel != s->channel)
            continue;
        p->audio_ns = clock_now_ns();
        p->owed += frame.len > 0;
        record(p, &frame);
    }
    return 0;
}

static int give_credit(struct play_run *p)
{
    const struct player_setup *s = p->setup;
    bool full = s->record && record_is_full(s->record);
    if (!p->has_credit || p->deaf_ns != 0 || full || p->owed < s->window / 2)
        return 0;
    unsigned n = p->owed;
    p->owed = 0;
    return receiver_credit(p->audio, s->channel, n);
}

/* Every frame that is to come has come. */
static bool is_drained(const struct play_run *p, uint64_t now_ns)
{
    const struct record *r = p->setup->record;
    if (!r || p->broken || p->deaf_ns != 0)
        return true;
    uint64_t quiet_ms = (now_ns - p->audio_ns) / NS_PER_MS;
    bool complete = !record_in_play(r) && record_plays(r) >= p->n_delivered;
    return complete ? quiet_ms >= QUIET_MS : quiet_ms >= LOST_MS;
}

/* True when nothing is left to do. */
static bool is_done(struct play_run *p, uint64_t now_ns)
{
    struct record *r = p->setup->record;
    if (p->stop_ns != 0 && now_ns >= p->stop_ns)
        return true;
    if (!playlist_is_over(&p->list) || !is_drained(p, now_ns))
        return false;
    if (!r || p->broken)
        return true;
    if (!p->ended) {
        p->ended = true;
        int err = record_finish(r, playlist_end(&p->list, record_frames(r)));
        if (err < 0)
            fail_record(p, err);
    }
    return p->broken || record_poll_fd(r) < 0;
}

static int ask_status(struct play_run *p, uint64_t now_ns)
{
    if (now_ns < p->status_ns || p->status_tag[0] != '\0' || !playlist_current(&p->list))
        return 0;
    bool fast = p->setup->progress->is_terminal;
    p->status_ns = now_ns + (fast ? BAR_MS : PLAIN_MS) * NS_PER_MS;
    return client_send(p->setup->client,
                       json_pack("{s:s, s:s}", "type", "status", "channel_id", p->channel),
                       p->status_tag);
}

static int timeout_ms(const struct play_run *p, uint64_t now_ns)
{
    if (p->stop_ns != 0 || p->deaf_ns != 0 || !playlist_current(&p->list))
        return TICK_MS;
    return now_ns >= p->status_ns ? TICK_MS : (int)((p->status_ns - now_ns) / NS_PER_MS) + 1;
}

static void on_signal(struct play_run *p)
{
    int number = signals_take(p->setup->signal_fd);
    if (number == 0)
        return;
    bool again = p->signal != 0;
    p->signal = number;
    uint64_t now_ns = clock_now_ns();
    ask_stop(p, now_ns);
    if (again)
        p->stop_ns = now_ns;
}

/* One turn: waits for something to happen and takes it in. */
static int turn(struct play_run *p, uint64_t now_ns)
{
    const struct player_setup *s = p->setup;
    bool listen = p->audio && p->deaf_ns == 0 && (!s->record || p->first);
    struct pollfd fds[] = {
        { .fd = client_fd(s->client), .events = POLLIN },
        { .fd = s->signal_fd, .events = POLLIN },
        { .fd = listen ? receiver_fd(p->audio) : -1, .events = POLLIN },
        { .fd = s->record && !p->broken ? record_poll_fd(s->record) : -1, .events = POLLOUT },
    };
    if (poll(fds, 4, timeout_ms(p, now_ns)) < 0 && errno != EINTR)
        return -errno;
    int err = 0;
    if (fds[1].revents)
        on_signal(p);
    if (fds[2].revents)
        err = on_audio(p);
    if (err == 0 && fds[0].revents)
        err = on_control(p);
    if (fds[3].revents && !p->broken) {
        int write_err = record_flush(s->record);
        if (write_err < 0)
            fail_record(p, write_err);
    }
    return err;
}

static int run(struct play_run *p)
{
    for (;;) {
        uint64_t now_ns = clock_now_ns();
        if (is_done(p, now_ns))
            return 0;
        if (p->deaf_ns != 0 && now_ns - p->deaf_ns > DEAF_MS * NS_PER_MS)
            return -EPIPE;
        int err = place(p);
        if (err == 0)
            err = ask_status(p, now_ns);
        if (err == 0)
            err = give_credit(p);
        if (err == 0)
            err = turn(p, now_ns);
        if (err < 0)
            return err;
    }
}

/* A recording that was cut short is a whole file all the same. */
static void end_record(struct play_run *p)
{
    struct record *r = p->setup->record;
    if (!r || !record_begun(r))
        return;
    int err = 0;
    if (!p->broken && !p->ended)
        err = record_finish(r, -1);
    if (err == 0)
        err = record_close(r);
    if (err < 0)
        fail_record(p, err);
}

int player_run(const struct player_setup *setup, int *ret_signal)
{
    struct play_run p = { .setup = setup, .audio = setup->audio };
    hold_init(&p.hold);
    uint32_t salt = 0;
    (void)snprintf(p.channel, sizeof p.channel, "%" PRIu64, setup->channel);
    if (getrandom(&salt, sizeof salt, GRND_NONBLOCK) < 0)
        salt = (uint32_t)getpid();
    int err = playlist_init(&p.list, setup->n_items, salt);
    for (size_t i = 0; err == 0 && i < setup->n_items; i++)
        p.list.plays[i].pre_skip = setup->items[i].pre_skip;
    /* What becomes of a play that another client owns is told to those who watch. */
    if (err == 0 && setup->keep_owner)
        err = client_send(setup->client, json_pack("{s:s, s:b}", "type", "watch", "on", 1), NULL);
    if (err == 0)
        err = run(&p);
    end_record(&p);
    progress_clear(setup->progress);
    playlist_done(&p.list);
    receiver_free(p.own_audio);
    *ret_signal = p.signal;
    return err < 0 ? options_lost(err) : p.code;
}

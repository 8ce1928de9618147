/*
 * Sends every login through stacks of the real libpam, with a stand-in for each module.
 *
 * A line of stdin names a service. Whenever one of its modules is asked that may answer in several ways,
 * each of them is tried, so that every way through the stack is gone once. Each is a line of stdout:
 *
 *     auth|account CODE QUESTION:ANSWER...            what libpam said, and what each module was asked and answered
 *     QUESTION:ANSWER:KEY                             the same of a module that refuses where KEY is 0
 *
 * and a line "." ends them; "!" if there are too many. A question that was not asked before is a line of stdout
 *
 *     ? SERVICE auth|account MODULE ARGUMENT...
 *
 * that a line "VARIABLE GATE CODE..." of stdin answers: the number of what the answer depends on, that of the key or -1,
 * and what it may be. Of questions that depend on one thing the first answers go together, the second, and so on. Questions have numbers in the order in which they were asked.
 */
#include <dlfcn.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUESTIONS 8192
#define VARIABLES 8192
#define ANSWERS 8
#define WAYS 20000
#define BUCKETS 16384

struct question {
    char *words;
    int variable, gate, answers[ANSWERS];
};

static struct question questions[QUESTIONS];
static int asked, buckets[BUCKETS];
static int counts[VARIABLES], chosen[VARIABLES], order[VARIABLES], depth;
static char trace[1 << 16];
static size_t used;
static const char *service;

static void fail(const char *what)
{
    fprintf(stderr, "explore: %s\n", what);
    exit(99);
}

static int learn(const char *words)
{
    struct question *new = &questions[asked];
    char line[512];
    printf("? %s\n", words);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin) || asked == QUESTIONS - 1)
        fail("no answer");
    int at = 0, step, code;
    if (sscanf(line, "%d %d%n", &new->variable, &new->gate, &at) != 2 || new->variable >= VARIABLES)
        fail("no variable");
    counts[new->variable] = 0;
    while (sscanf(line + at, "%d%n", &code, &step) == 1) {
        if (counts[new->variable] == ANSWERS)
            fail("too many answers");
        new->answers[counts[new->variable]++] = code;
        at += step;
    }
    if (new->gate >= 0)
        counts[new->gate] = 2;
    new->words = strdup(words);
    return asked++;
}

static int number_of(const char *words)
{
    unsigned hash = 5381;
    for (const char *at = words; *at; at++)
        hash = hash * 33 + (unsigned char)*at;
    while (buckets[hash %= BUCKETS]) {
        if (!strcmp(questions[buckets[hash] - 1].words, words))
            return buckets[hash] - 1;
        hash++;
    }
    int number = learn(words);
    buckets[hash] = number + 1;
    return number;
}

static int choose(int variable)
{
    if (chosen[variable] < 0) {
        chosen[variable] = 0;
        order[depth++] = variable;
    }
    return chosen[variable];
}

/* To the next way: the last choice that has another one left. */
static int another_way(void)
{
    while (depth) {
        int last = order[depth - 1];
        if (++chosen[last] < counts[last])
            return 1;
        chosen[last] = -1;
        depth--;
    }
    return 0;
}

int truth_answer(const char *kind, const char *module, int argc, const char **argv)
{
    char words[1024];
    int length = snprintf(words, sizeof words, "%s %s %s", service, kind, module);
    for (int n = 0; n < argc && length < (int)sizeof words; n++)
        length += snprintf(words + length, sizeof words - length, " %s", argv[n]);
    int number = number_of(words);
    struct question *question = &questions[number];
    if (used > sizeof trace - 64)
        fail("a way without an end");
    if (question->gate < 0) {
        int answer = question->answers[choose(question->variable)];
        used += sprintf(trace + used, " %d:%d", number, answer);
        return answer;
    }
    int key = choose(question->gate), answer = key ? question->answers[choose(question->variable)] : PAM_AUTH_ERR;
    used += sprintf(trace + used, " %d:%d:%d", number, answer, key);
    return answer == PAM_IGNORE ? PAM_SUCCESS : answer;
}

static void explore(pam_handle_t *pam, const char *kind)
{
    int ways = 0;
    do {
        used = 0;
        trace[0] = 0;
        int code = strcmp(kind, "auth") ? pam_acct_mgmt(pam, 0) : pam_authenticate(pam, 0);
        printf("%s %d%s\n", kind, code, trace);
        if (++ways == WAYS) {
            puts("!");
            while (depth)
                chosen[order[--depth]] = -1;
        }
    } while (another_way());
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    (void)count, (void)messages, (void)responses, (void)data;
    return PAM_CONV_ERR;
}

int main(void)
{
    char line[1024], name[256];
    struct pam_conv conversation = {converse, NULL};
    memset(chosen, -1, sizeof chosen);
    while (fgets(line, sizeof line, stdin)) {
        pam_handle_t *pam;
        if (sscanf(line, "%255s", name) != 1)
            fail("no service");
        service = name;
        if (pam_start(name, "alice", &conversation, &pam) != PAM_SUCCESS)
            fail("libpam does not start");
        explore(pam, "auth");
        explore(pam, "account");
        pam_end(pam, PAM_SUCCESS);
        puts(".");
        fflush(stdout);
    }
    return 0;
}

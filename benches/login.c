/*
 * Logins, one after another, each timed: the same program for every module that is measured.
 *
 *     login fresh     every line of stdin is a login, "SERVICE USER ANSWER", in a process of its own that has loaded no
 *                     module yet, as at an sshd: forked, for what comes before is no module's doing
 *     login mapped    the same in one process: a module that stays mapped is there already at the next login
 *     login serve PROGRAM
 *                     a process of PROGRAM for each connection to the socket that is standard input, as its standard
 *                     input: systemd with Accept=yes
 *
 * Each login is answered by a line "CODE NANOSECONDS": what PAM said, and how long it took from pam_start to pam_end,
 * the module's loading and the conversation, which answers at once, included. A wait after a refusal is left out.
 */
#define _GNU_SOURCE
#include <pwd.h>
#include <security/pam_appl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct outcome {
    int code;
    long long nanoseconds;
};

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *answer)
{
    *responses = calloc(count, sizeof **responses);
    for (int n = 0; n < count; n++)
        if (messages[n]->msg_style == PAM_PROMPT_ECHO_OFF || messages[n]->msg_style == PAM_PROMPT_ECHO_ON)
            (*responses)[n].resp = strdup(answer);
    return PAM_SUCCESS;
}

static void no_delay(int code, unsigned microseconds, void *data)
{
    (void)code, (void)microseconds, (void)data;
}

static struct outcome login(const char *service, const char *user, char *answer)
{
    pam_handle_t *pam = NULL;
    struct pam_conv conversation = {converse, answer};
    /* Every login program has looked its user up before it asks PAM. */
    getpwnam(user);
    long long start = now();
    int code = pam_start(service, user, &conversation, &pam);
    if (code == PAM_SUCCESS) {
        pam_set_item(pam, PAM_FAIL_DELAY, (void *)no_delay);
        pam_set_item(pam, PAM_TTY, "tty1");
        code = pam_authenticate(pam, 0);
        if (code == PAM_SUCCESS)
            code = pam_setcred(pam, PAM_ESTABLISH_CRED);
        pam_end(pam, code);
    }
    return (struct outcome){code, now() - start};
}

static struct outcome login_in_a_fresh_process(const char *service, const char *user, char *answer)
{
    static struct outcome *shared;
    if (!shared)
        shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (!child) {
        *shared = login(service, user, answer);
        _exit(0);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || status)
        exit(99);
    return *shared;
}

static void logins(int fresh)
{
    /* What the C library reads for its first look at an account and at the time zone is there before anything is forked. */
    getpwnam("root");
    tzset();
    char service[64], user[64], answer[64];
    while (scanf("%63s %63s %63s", service, user, answer) == 3) {
        struct outcome outcome = fresh ? login_in_a_fresh_process(service, user, answer) : login(service, user, answer);
        printf("%d %lld\n", outcome.code, outcome.nanoseconds);
        fflush(stdout);
    }
}

static void serve(char *program)
{
    signal(SIGCHLD, SIG_IGN);
    for (;;) {
        int connection = accept4(0, NULL, NULL, SOCK_CLOEXEC);
        if (connection < 0)
            exit(99);
        if (!fork()) {
            signal(SIGCHLD, SIG_DFL);
            dup2(connection, 0);
            execv(program, (char *[]){program, NULL});
            _exit(99);
        }
        close(connection);
    }
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "fresh"))
        logins(1);
    else if (argc == 2 && !strcmp(argv[1], "mapped"))
        logins(0);
    else if (argc == 3 && !strcmp(argv[1], "serve"))
        serve(argv[2]);
    else
        return 99;
    return 0;
}

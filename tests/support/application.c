/*
 * An application like sshd or sudo, as plain as can be: it asks what libpam asks and says what libpam says.
 *
 *     application -a BYTES SERVICE USER                                      two logins, the second with so much memory left
 *     application [-d FOLDER] [-m MISBEHAVIOR] [-i ITEM=VALUE]... [-e NAME=VALUE]... [-f | -r ROUNDS | -t ROUNDS] SERVICE USER
 *                                                                            answers: a line of stdin each
 *     application -p PROCESSES SERVICE USER...                               all answer at once with the first line
 *
 * Each message is a line "STYLE TEXT", a delay after a refusal the line "delay", each result a line "= PAM-CODE". -m answers a prompt as no application
 * should: "none" gives no array, "null" an array without a string, "fail" says that it cannot ask, "more" gives two
 * answers too many, "long" a megabyte behind the answer; "replace" sets every item anew before it answers, which frees the old ones.
 * -f says behind it how many pages the login had the kernel bring. -i sets "user", "rhost", "ruser" or "tty", which is "tty1" otherwise, as on a console; -e a variable of the PAM environment. -r makes
 * that many logins, -t each in a thread of its own that ends; then the count of open descriptors, before and after.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <pthread.h>
#include <pwd.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define SETTINGS 8
#define MEGABYTE (1 << 20)

static const char *folder, *service, *misbehavior = "";
static char *items[SETTINGS], *variables[SETTINGS];
static pam_handle_t *pam;
static long left = -1;
static int is_starved, counts_faults;
/* Only in a child that answers together with others: says that it is at the prompt, waits for the common start. */
static int ready = -1, start = -1;
static char *common_answer;

static char *line_of_stdin(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length = getline(&line, &room, stdin);
    if (!line)
        return NULL;
    if (length < 0)
        line[0] = 0;
    else if (line[length - 1] == '\n')
        line[length - 1] = 0;
    return line;
}

static char *wait_for_the_others(void)
{
    char byte = 0;
    if (write(ready, &byte, 1) != 1 || read(start, &byte, 1) != 0)
        _exit(99);
    return strdup(common_answer);
}

static int is(const char *word)
{
    return !strcmp(misbehavior, word);
}

static char *lengthened(char *answer)
{
    char *whole = malloc(strlen(answer) + MEGABYTE + 1);
    sprintf(whole, "%s%*s", answer, MEGABYTE, "");
    memset(whole + strlen(answer), '7', MEGABYTE);
    free(answer);
    return whole;
}

/* libpam frees what was there before. */
static void replace_items(const struct pam_conv *conversation)
{
    pam_set_item(pam, PAM_CONV, conversation);
    pam_set_item(pam, PAM_SERVICE, service);
    pam_set_item(pam, PAM_USER, "replaced");
    pam_set_item(pam, PAM_RHOST, "198.51.100.99");
    pam_set_item(pam, PAM_RUSER, "replaced");
    pam_set_item(pam, PAM_TTY, "/dev/replaced");
    pam_set_item(pam, PAM_AUTHTOK, "replaced");
    pam_putenv(pam, "SSH_CONNECTION=198.51.100.99 1 198.51.100.1 22");
    pam_putenv(pam, "SSH_AUTH_INFO_0=publickey replaced");
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    (void)data;
    int is_prompt = 0, more = is("more") ? 2 : 0, answers = !is("none") && !is("null") && !is("fail");
    struct pam_response *array = calloc(count + more, sizeof *array);
    if (!array)
        return PAM_BUF_ERR;
    for (int n = 0; n < count; n++) {
        int style = messages[n]->msg_style;
        if (ready < 0)
            printf("%d %s\n", style, messages[n]->msg);
        if (style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON) {
            is_prompt = 1;
            if (answers)
                array[n].resp = ready < 0 ? line_of_stdin() : wait_for_the_others();
            if (is("long"))
                array[n].resp = lengthened(array[n].resp);
            if (is("replace"))
                replace_items(&(struct pam_conv){converse, NULL});
        }
    }
    for (int n = count; n < count + more; n++)
        array[n].resp = strdup("000000");
    if (is_prompt && is("fail")) {
        free(array);
        return PAM_CONV_ERR;
    }
    if (is_prompt && is("none")) {
        free(array);
        array = NULL;
    }
    *responses = array;
    return PAM_SUCCESS;
}

/* Instead of waiting: a test wants to know, not to wait. */
static void delay(int code, unsigned microseconds, void *data)
{
    (void)data;
    if (code != PAM_SUCCESS && microseconds && ready < 0)
        puts("delay");
}

static void set_item(const char *setting)
{
    static const struct { const char *name; int item; } names[] = {
        {"user=", PAM_USER}, {"rhost=", PAM_RHOST}, {"ruser=", PAM_RUSER}, {"tty=", PAM_TTY},
    };
    for (unsigned n = 0; n < sizeof names / sizeof *names; n++)
        if (!strncmp(setting, names[n].name, strlen(names[n].name)))
            pam_set_item(pam, names[n].item, setting + strlen(names[n].name));
}

static void keep(char **settings, char *setting)
{
    for (int n = 0; n < SETTINGS; n++) {
        if (!settings[n]) {
            settings[n] = setting;
            return;
        }
    }
    exit(99);
}

/* Takes what malloc has, and lets it ask for no more: one piece is left. */
static void starve(void)
{
    char line[256];
    FILE *statm = fopen("/proc/self/statm", "r");
    long pages = statm && fgets(line, sizeof line, statm) ? atol(line) : 0;
    fclose(statm);
    void *piece = left ? malloc(left) : NULL;
    /* What is mapped for a long piece is counted only now. */
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = pages * sysconf(_SC_PAGESIZE) + (left >= 128 * 1024 ? left : 0);
    setrlimit(RLIMIT_AS, &limit);
    for (size_t size = MEGABYTE; size >= 8; size /= 2)
        while (malloc(size))
            ;
    free(piece);
}

static void feed(void)
{
    struct rlimit limit;
    getrlimit(RLIMIT_AS, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_AS, &limit);
}

static long faults(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return usage.ru_minflt;
}

static int login(const char *user)
{
    struct pam_conv conversation = {converse, NULL};
    /* Every login program has looked its user up before it asks PAM. */
    getpwnam(user);
    int code = folder ? pam_start_confdir(service, user, &conversation, folder, &pam)
                      : pam_start(service, user, &conversation, &pam);
    if (code != PAM_SUCCESS)
        return code;
    pam_set_item(pam, PAM_FAIL_DELAY, (void *)delay);
    pam_set_item(pam, PAM_TTY, "tty1");
    for (int n = 0; n < SETTINGS && items[n]; n++)
        set_item(items[n]);
    for (int n = 0; n < SETTINGS && variables[n]; n++)
        pam_putenv(pam, variables[n]);
    if (is_starved)
        starve();
    code = pam_authenticate(pam, 0);
    if (code == PAM_SUCCESS)
        code = pam_setcred(pam, PAM_ESTABLISH_CRED);
    pam_end(pam, code);
    if (is_starved)
        feed();
    return code;
}

static void *login_in_a_thread(void *user)
{
    printf("= %d\n", login(user));
    return NULL;
}

static int descriptors(void)
{
    int count = 0;
    DIR *open = opendir("/proc/self/fd");
    while (readdir(open))
        count++;
    closedir(open);
    return count;
}

static void in_rounds(int rounds, char *user, int threads)
{
    /* The C library keeps its socket to the log. */
    openlog("application", LOG_NDELAY, LOG_AUTHPRIV);
    int before = descriptors();
    while (rounds-- > 0) {
        pthread_t thread;
        if (!threads)
            login_in_a_thread(user);
        else if (pthread_create(&thread, NULL, login_in_a_thread, user))
            exit(99);
        else
            pthread_join(thread, NULL);
    }
    printf("descriptors %d %d\n", before, descriptors());
}

static void at_once(int processes, char **users, int count)
{
    int readies[processes], starts[2];
    common_answer = line_of_stdin();
    if (pipe(starts))
        exit(99);
    for (int n = 0; n < processes; n++) {
        int pair[2];
        if (pipe(pair))
            exit(99);
        readies[n] = pair[0];
        if (!fork()) {
            close(starts[1]);
            ready = pair[1];
            start = starts[0];
            _exit(login(users[n % count]));
        }
        /* A pipe of its own for each: who ends without a prompt closes it, and nobody waits for them. */
        close(pair[1]);
    }
    for (int n = 0; n < processes; n++) {
        char byte;
        if (read(readies[n], &byte, 1) < 0)
            exit(99);
    }
    close(starts[1]);
    for (int status; wait(&status) > 0;)
        printf("= %d\n", WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status));
}

int main(int argc, char **argv)
{
    int processes = 0, rounds = 0, threads = 0;
    for (int option; (option = getopt(argc, argv, "a:d:e:fi:m:p:r:t:")) != -1;) {
        switch (option) {
        case 'a': left = atol(optarg); break;
        case 'd': folder = optarg; break;
        case 'e': keep(variables, optarg); break;
        case 'f': counts_faults = 1; break;
        case 'i': keep(items, optarg); break;
        case 'm': misbehavior = optarg; break;
        case 'p': processes = atoi(optarg); break;
        case 'r': rounds = atoi(optarg); break;
        case 't': rounds = atoi(optarg); threads = 1; break;
        default: return 99;
        }
    }
    if (argc - optind < 2)
        return 99;
    /* Every login program has written to the log before: it knows its time zone. */
    tzset();
    setvbuf(stdout, NULL, _IOLBF, 0);
    service = argv[optind++];
    if (left >= 0) {
        printf("= %d\n", login(argv[optind]));
        is_starved = 1;
    }
    if (processes)
        at_once(processes, argv + optind, argc - optind);
    else if (rounds)
        in_rounds(rounds, argv[optind], threads);
    else {
        long before = faults();
        printf("= %d\n", login(argv[optind]));
        if (counts_faults)
            printf("faults %ld\n", faults() - before);
    }
    return 0;
}

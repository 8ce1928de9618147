/*
 * A host of many logins, for looking into: at its memory between them, and at the time that each takes.
 *
 *     host rounds FILE         every line of FILE a login, "SERVICE USER ANSWER...", an empty one ends a batch: the logins
 *                              of a batch each in a thread of its own, at once. At "held" it says "held BYTES PAGES MAPPINGS DESCRIPTORS"
 *     host once SERVICE USER STAGES
 *                              one login, answered by lines of stdin, ended after so many stages (1 auth, 2 account);
 *                              then "ended CODE", and it stays until stdin closes
 *     host time FILE           every line of FILE a login, "SERVICE USER RECORD CONTENT ANSWER": the file RECORD is made
 *                              what CONTENT is; prints "CODE BEFORE INSIDE DELAY": nanoseconds to the prompt,
 *                              nanoseconds from the answer to the verdict, and what libpam would wait then
 *
 * An answer "leave" says that nobody is there any more, "prove" is the code of the key that was shown, "back" the first of
 * the backup codes that were, "replace:ANSWER" comes
 * after every item was set anew, which frees the old ones, and "long" is a megabyte.
 *
 * MODULE, if set, is opened and closed by each thread beside what libpam does; TTY becomes PAM_TTY. It keeps no copy of a message, and none
 * of an answer beyond the one that the module gets and has to wipe.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#define MOST 64
#define MEGABYTE (1 << 20)

struct login {
    pam_handle_t *pam;
    char *service, *user, *answers[8], key[64], backup[20];
    int stages, count, given, code;
    long long prompted, answered;
    unsigned delay;
};

static long long now(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000000000LL + time.tv_nsec;
}

/* Byte by byte, into the one place where it stays. */
static char *answer_of_stdin(void)
{
    char *answer = calloc(1, 512);
    for (int n = 0; n < 511 && read(0, answer + n, 1) == 1; n++) {
        if (answer[n] == '\n') {
            answer[n] = 0;
            break;
        }
    }
    return answer;
}

static void say(int style, const char *text)
{
    char head[2] = {'0' + style, ' '};
    if (write(1, head, 2) != 2 || write(1, text, strlen(text)) < 0 || write(1, "\n", 1) != 1)
        _exit(99);
}

/* A key is shown in groups behind this, to the end of its line, and a backup code behind its number. */
static void see(struct login *login, const char *text)
{
    static const char head[] = "Key:     ", first[] = "\n(1) ";
    const char *key = strstr(text, head), *backup = strstr(text, first);
    if (backup)
        snprintf(login->backup, sizeof login->backup, "%s", backup + strlen(first));
    if (!key)
        return;
    unsigned length = 0;
    for (key += strlen(head); *key && *key != '\n' && length < sizeof login->key - 1; key++)
        if (*key != ' ')
            login->key[length++] = *key;
    login->key[length] = 0;
}

/* What a phone with that key shows. */
static char *prove(const char *key)
{
    char command[128], code[16] = "";
    snprintf(command, sizeof command, "oathtool --totp --base32 %s", key);
    FILE *phone = popen(command, "r");
    if (!phone || !fgets(code, sizeof code, phone) || pclose(phone))
        exit(99);
    code[strcspn(code, "\n")] = 0;
    return strdup(code);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data);

/* libpam frees what was there before. */
static void replace_items(struct login *login)
{
    struct pam_conv conversation = {converse, login};
    pam_set_item(login->pam, PAM_CONV, &conversation);
    pam_set_item(login->pam, PAM_SERVICE, login->service);
    pam_set_item(login->pam, PAM_USER, "replaced");
    pam_set_item(login->pam, PAM_RHOST, "198.51.100.99");
    pam_set_item(login->pam, PAM_RUSER, "replaced");
    pam_set_item(login->pam, PAM_TTY, "/dev/replaced");
    pam_set_item(login->pam, PAM_AUTHTOK, "replaced");
    pam_putenv(login->pam, "SSH_CONNECTION=198.51.100.99 1 198.51.100.1 22");
    pam_putenv(login->pam, "SSH_AUTH_INFO_0=publickey replaced");
}

static char *answer(struct login *login, const char *word)
{
    static const char replace[] = "replace:";
    if (!strcmp(word, "prove"))
        return prove(login->key);
    if (!strcmp(word, "back"))
        return strdup(login->backup);
    if (!strcmp(word, "long")) {
        char *megabyte = calloc(1, MEGABYTE + 1);
        return memset(megabyte, '7', MEGABYTE);
    }
    if (!strncmp(word, replace, strlen(replace))) {
        replace_items(login);
        word += strlen(replace);
    }
    return strdup(word);
}

static int converse(int count, const struct pam_message **messages, struct pam_response **responses, void *data)
{
    struct login *login = data;
    struct pam_response *array = calloc(count, sizeof *array);
    for (int n = 0; n < count; n++) {
        int style = messages[n]->msg_style;
        int asks = style == PAM_PROMPT_ECHO_OFF || style == PAM_PROMPT_ECHO_ON;
        if (!login->count)
            say(style, messages[n]->msg);
        else
            see(login, messages[n]->msg);
        if (!asks)
            continue;
        login->prompted = now();
        if (!login->count)
            array[n].resp = answer_of_stdin();
        else if (login->given < login->count)
            array[n].resp = answer(login, login->answers[login->given++]);
        /* Nobody is there any more. */
        if (!array[n].resp || !strcmp(array[n].resp, "leave")) {
            free(array[n].resp);
            free(array);
            return PAM_CONV_ERR;
        }
        login->answered = now();
    }
    *responses = array;
    return PAM_SUCCESS;
}

static void delay(int code, unsigned microseconds, void *data)
{
    struct login *login = data;
    login->delay = code == PAM_SUCCESS ? 0 : microseconds;
}

static void run(struct login *login)
{
    pam_handle_t *pam = NULL;
    struct pam_conv conversation = {converse, login};
    login->code = pam_start(login->service, login->user, &conversation, &pam);
    if (login->code != PAM_SUCCESS)
        return;
    login->pam = pam;
    pam_set_item(pam, PAM_FAIL_DELAY, (void *)delay);
    if (getenv("TTY"))
        pam_set_item(pam, PAM_TTY, getenv("TTY"));
    login->code = pam_authenticate(pam, 0);
    if (login->code == PAM_SUCCESS && login->stages > 1)
        login->code = pam_acct_mgmt(pam, 0);
    pam_end(pam, login->code);
}

static void *run_in_a_thread(void *login)
{
    const char *module = getenv("MODULE");
    void *open = module ? dlopen(module, RTLD_NOW) : NULL;
    if (module && !open)
        exit(99);
    run(login);
    if (open)
        dlclose(open);
    return NULL;
}

static char *word(char **line)
{
    char *next = strsep(line, " ");
    return next && *next ? next : NULL;
}

static int lines_of(const char *proc)
{
    char line[4096];
    int count = 0;
    FILE *file = fopen(proc, "r");
    while (fgets(line, sizeof line, file))
        count++;
    fclose(file);
    return count;
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

static void held(void)
{
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (fscanf(file, "%*d %ld", &pages) != 1)
        exit(99);
    fclose(file);
    printf("held %zu %ld %d %d\n", mallinfo2().uordblks, pages, lines_of("/proc/self/maps"), descriptors());
}

static void batch(struct login *logins, int count)
{
    pthread_t threads[MOST];
    for (int n = 0; n < count; n++)
        if (pthread_create(&threads[n], NULL, run_in_a_thread, &logins[n]))
            exit(99);
    for (int n = 0; n < count; n++) {
        pthread_join(threads[n], NULL);
        printf("= %s %d\n", logins[n].user, logins[n].code);
    }
}

static char *content_of(const char *path)
{
    static char content[1 << 26];
    FILE *file = fopen(path, "r");
    size_t length = file ? fread(content, 1, sizeof content - 1, file) : 0;
    if (!length)
        exit(99);
    fclose(file);
    content[length] = 0;
    return content;
}

static void rounds(const char *path)
{
    /* The C library keeps its socket to the log. */
    openlog("host", LOG_NDELAY, LOG_AUTHPRIV);
    struct login logins[MOST];
    int count = 0;
    for (char *text = content_of(path), *line; (line = strsep(&text, "\n"));) {
        struct login login = {.stages = 2};
        login.service = word(&line);
        login.user = line ? word(&line) : NULL;
        if (!login.user) {
            batch(logins, count);
            count = 0;
            if (login.service)
                held();
            continue;
        }
        while (line && login.count < 8)
            login.answers[login.count++] = word(&line);
        if (count == MOST)
            exit(99);
        logins[count++] = login;
    }
}

static void put_back(const char *path, const char *content)
{
    char bytes[8192];
    int from = open(content, O_RDONLY), to = open(path, O_WRONLY | O_CREAT, 0600);
    int length = read(from, bytes, sizeof bytes);
    if (length <= 0 || pwrite(to, bytes, length, 0) != length || fdatasync(to))
        exit(99);
    close(from);
    close(to);
}

static void times(const char *path)
{
    openlog("host", LOG_NDELAY, LOG_AUTHPRIV);
    for (char *text = content_of(path), *line; (line = strsep(&text, "\n"));) {
        struct login login = {.stages = 1, .count = 1};
        login.service = word(&line);
        if (!login.service)
            continue;
        login.user = word(&line);
        char *record = word(&line), *content = word(&line);
        login.answers[0] = line;
        if (strcmp(content, "-"))
            put_back(record, content);
        pam_handle_t *pam = NULL;
        struct pam_conv conversation = {converse, &login};
        if (pam_start(login.service, login.user, &conversation, &pam))
            exit(99);
        pam_set_item(pam, PAM_FAIL_DELAY, (void *)delay);
        /* On a console. */
        pam_set_item(pam, PAM_TTY, "tty1");
        long long start = now();
        int code = pam_authenticate(pam, 0);
        long long end = now();
        pam_end(pam, code);
        printf("%d %lld %lld %u\n", code, login.prompted - start, end - login.answered, login.delay);
    }
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc == 3 && !strcmp(argv[1], "rounds"))
        rounds(argv[2]);
    else if (argc == 3 && !strcmp(argv[1], "time"))
        times(argv[2]);
    else if (argc == 5 && !strcmp(argv[1], "once")) {
        char byte;
        struct login login = {.service = argv[2], .user = argv[3], .stages = atoi(argv[4])};
        run(&login);
        printf("ended %d\n", login.code);
        while (read(0, &byte, 1) == 1)
            ;
    } else
        return 99;
    return 0;
}

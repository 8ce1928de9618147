//! A whole machine under qemu, for what a container cannot show: its own kernel, disks, clock and power switch.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

/// Longer than a busy machine takes to boot another one.
const PATIENCE: Duration = Duration::from_secs(1200);

/// A processor that is emulated on a busy machine is late for what a kernel measures at its start, and takes long to load
/// what no test needs.
const KERNEL: &str = "root=/dev/nvme0n1 rootfstype=ext4 ro console=ttyS0 quiet systemd.show_status=no panic=-1 no_timer_check \
    net.ifnames=0 module_blacklist=ata_generic,ata_piix,button,evdev,floppy,i2c_piix4,parport,pata_acpi,pcspkr,psmouse,vmw_vmci,\
    vmw_vsock_vmci_transport,vsock";

/// What a machine is made of.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// bookworm or trixie.
    pub release: &'a str,
    /// As scripts/systems/image takes it; none is the machine as the packages leave it.
    pub variant: Option<&'a str>,
    /// More words for the kernel.
    pub kernel: &'a str,
    /// More arguments of qemu, whose /mnt/machine is [`Machine::folder`].
    pub qemu: &'a [&'a str],
    /// Makes what those arguments name, in that folder.
    pub prepare: fn(&Path),
    pub megabytes: u32,
    /// An emulated processor takes 2 to the power of this nanoseconds of the machine's own time for an instruction: 4 ns is
    /// a small server. However busy this machine is, in that time the other one is as fast as it says.
    pub slowness: u32,
    /// What the machine's clock says when it starts, as qemu's -rtc takes it.
    pub clock: &'a str,
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            release: "trixie",
            variant: None,
            kernel: "",
            qemu: &[],
            prepare: |_| (),
            megabytes: 768,
            slowness: 2,
            clock: "base=utc,clock=vm",
        }
    }
}

/// A machine that runs. It ends with this value, and with the test however that ends.
pub struct Machine {
    process: Child,
    folder: TempDir,
    agent: Agent,
}

impl Machine {
    /// Starts a machine, and waits until its services are up.
    pub fn boot(options: &Options) -> Self {
        static WITHOUT_KVM: AtomicBool = AtomicBool::new(false);
        if Path::new("/dev/kvm").exists() && !WITHOUT_KVM.load(Ordering::Relaxed) {
            // Where this machine is a virtual one itself, a kernel may die in what is offered there.
            match Self::boots(options, "kvm") {
                Ok(machine) => return machine,
                Err(_) => WITHOUT_KVM.store(true, Ordering::Relaxed),
            }
        }
        Self::boots(options, "tcg").unwrap_or_else(|console| panic!("the machine does not boot:\n{console}"))
    }

    fn boots(options: &Options, accelerator: &str) -> Result<Self, String> {
        let folder = folder();
        (options.prepare)(folder.path());
        let mut process = start(options, folder.path(), accelerator);
        let Some((agent, ready)) = Agent::connect(folder.path(), &mut process) else {
            return Err(console(folder.path()));
        };
        let mut machine = Self { agent, process, folder };
        if machine.is_up(&ready) {
            return Ok(machine);
        }
        machine.ends();
        Err(machine.console())
    }

    /// Waits until its services are up, or it has ended or stands still in a fault of its processor.
    fn is_up(&self, ready: &Receiver<()>) -> bool {
        let start = Instant::now();
        loop {
            match ready.recv_timeout(Duration::from_secs(2)) {
                Ok(()) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
                Err(RecvTimeoutError::Timeout) => {}
            }
            // What another machine's KVM cannot do stops the processor there.
            let status = self.tells_qemu(&json!({"execute": "query-status"}));
            if status.is_none_or(|status| status["status"] == "internal-error") || start.elapsed() > PATIENCE {
                return false;
            }
        }
    }

    /// Runs a command of the shell as root, which must succeed, and returns what it says.
    pub fn runs(&self, command: &str) -> String {
        let (code, said) = self.tries(command);
        assert_eq!(code, 0, "{command}\n{said}");
        said
    }

    /// Runs a command that may fail, and returns its exit code and what it says.
    pub fn tries(&self, command: &str) -> (i32, String) {
        self.starts(command).ends()
    }

    /// Starts a command, beside which others can run.
    pub fn starts(&self, command: &str) -> Running {
        Running { command: command.to_owned(), answer: self.agent.asks(command) }
    }

    /// Runs a command again and again until it succeeds, for what nobody announces.
    pub fn until(&self, command: &str) {
        let start = Instant::now();
        while self.tries(command).0 != 0 {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {command}");
        }
    }

    /// Puts a file into the machine.
    pub fn writes(&self, path: &str, content: &str) {
        self.runs(&format!("printf %s {} | basenc --base16 -d >'{path}'", hex(content)));
    }

    /// What is beside the machine: its console, its sockets, the disks that the test gave it.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// All that the machine wrote on its console.
    pub fn console(&self) -> String {
        console(self.folder.path())
    }

    /// Asks qemu itself, as its QMP has it, and returns the answer.
    pub fn asks_qemu(&self, request: &Value) -> Value {
        self.tells_qemu(request).unwrap_or_else(|| panic!("qemu does not answer: {request}"))
    }

    /// Asks qemu the same again and again, until the answer is one that is waited for.
    pub fn until_qemu(&self, question: &Value, is_it: impl Fn(&Value) -> bool) {
        let start = Instant::now();
        while !is_it(&self.asks_qemu(question)) {
            assert!(start.elapsed() < PATIENCE, "waited in vain: {question}");
            thread::sleep(Duration::from_millis(50));
        }
    }

    /// `None`: there is no qemu any more.
    fn tells_qemu(&self, request: &Value) -> Option<Value> {
        let stream = UnixStream::connect(self.folder.path().join("qmp.sock")).ok()?;
        let requests = format!("{{\"execute\": \"qmp_capabilities\"}}\n{request}\n");
        (&stream).write_all(requests.as_bytes()).ok()?;
        let said = BufReader::new(&stream).lines().map_while(Result::ok);
        let said = said.map(|line| serde_json::from_str::<Value>(&line).expect("qemu answers in JSON"));
        // It greets, tells events, and answers both.
        let mut answers = said.filter(|said| said.get("return").or(said.get("error")).is_some()).skip(1);
        let answer = answers.next()?;
        assert!(answer.get("error").is_none(), "{request}: {answer}");
        Some(answer["return"].clone())
    }

    /// Takes the power away, and leaves what the machine has written.
    pub fn loses_power(mut self) -> TempDir {
        self.ends();
        std::mem::replace(&mut self.folder, folder())
    }

    fn ends(&mut self) {
        // Its standard input is what it lives by.
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.ends();
        if thread::panicking() {
            eprintln!("--- the console of the machine:\n{}---", self.console());
        }
    }
}

/// A command on its way.
pub struct Running {
    command: String,
    answer: Receiver<(i32, String)>,
}

impl Running {
    /// Waits for its end, and returns its exit code and what it said.
    pub fn ends(self) -> (i32, String) {
        let answer = self.answer.recv_timeout(PATIENCE);
        answer.unwrap_or_else(|error| panic!("no answer from the machine ({error}): {}", self.command))
    }
}

/// Who waits for the answer to which command.
type Waiting = Mutex<HashMap<u64, Sender<(i32, String)>>>;

/// The other side of scripts/systems/agent.
struct Agent {
    stream: UnixStream,
    next: AtomicU64,
    waiting: Arc<Waiting>,
}

impl Agent {
    /// Waits until qemu listens, unless it ends. What is returned with it hears when the machine is up.
    fn connect(folder: &Path, qemu: &mut Child) -> Option<(Self, Receiver<()>)> {
        let socket = folder.join("agent.sock");
        let stream = loop {
            if let Ok(stream) = UnixStream::connect(&socket) {
                break stream;
            }
            if qemu.try_wait().expect("a child").is_some() {
                return None;
            }
            thread::sleep(Duration::from_millis(10));
        };
        let waiting = Arc::new(Mutex::new(HashMap::new()));
        let (is_ready, ready) = mpsc::channel();
        let lines = BufReader::new(stream.try_clone().expect("a second handle")).lines();
        let handed = Arc::clone(&waiting);
        thread::spawn(move || hand_out(lines.map_while(Result::ok), &is_ready, &handed));
        Some((Self { stream, next: AtomicU64::new(1), waiting }, ready))
    }

    fn asks(&self, command: &str) -> Receiver<(i32, String)> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let (answers, answer) = mpsc::channel();
        self.waiting.lock().expect("no test panics with it").insert(number, answers);
        // One write, so that commands of several threads do not mix.
        let line = format!("{number} {}\n", hex(command));
        (&self.stream).write_all(line.as_bytes()).expect("the machine listens");
        answer
    }
}

/// Gives each answer to the command that waits for it. At the end of the machine, all that still wait hear of it.
fn hand_out(lines: impl Iterator<Item = String>, ready: &Sender<()>, waiting: &Waiting) {
    for line in lines {
        let words: Vec<&str> = line.split(' ').collect();
        if let [number, code, said] = words[..] {
            let said = String::from_utf8_lossy(&unhex(said)).into_owned();
            let number = number.parse().expect("the agent says a number");
            let answers = waiting.lock().expect("no test panics with it").remove(&number);
            let _ = answers.expect("of a command").send((code.parse().expect("an exit code"), said));
        } else if line == "ready" {
            let _ = ready.send(());
        }
    }
    waiting.lock().expect("no test panics with it").clear();
}

fn folder() -> TempDir {
    let under = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/systems/run");
    fs::create_dir_all(&under).expect("target/systems/run");
    tempfile::tempdir_in(under).expect("a folder for the machine")
}

fn console(folder: &Path) -> String {
    let read = |name| String::from_utf8_lossy(&fs::read(folder.join(name)).unwrap_or_default()).into_owned();
    read("console.log") + &read("qemu.log")
}

/// The folder of the disk. Looked after once: what goes into it does not change while tests run.
fn image(options: &Options) -> PathBuf {
    static MADE: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let name = format!("{} {:?}", options.release, options.variant);
    let mut made = MADE.lock().expect("no other test failed to make one");
    let make = || {
        let image = script("image").arg(options.release).args(options.variant).output().expect("scripts/systems/image");
        assert!(image.status.success(), "{}", String::from_utf8_lossy(&image.stderr));
        String::from_utf8(image.stdout).expect("a path").trim_end().into()
    };
    made.entry(name).or_insert_with(make).clone()
}

fn start(options: &Options, folder: &Path, accelerator: &str) -> Child {
    let image = image(options);
    let said = fs::File::create(folder.join("qemu.log")).expect("the folder can be written");
    let pace = format!("shift={},sleep=on", options.slowness);
    let kernel = format!("{KERNEL} {}", options.kernel);
    script("machine")
        .args([folder, image.as_path()])
        .args(["-m", &options.megabytes.to_string(), "-append", &kernel])
        .args(["-accel", accelerator, "-cpu", "max,la57=off,svm=off,vmx=off", "-smp", "1", "-rtc", options.clock])
        .args(if accelerator == "tcg" { ["-icount", &pace] } else { ["-rtc", options.clock] })
        .args(options.qemu)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(said)
        .spawn()
        .expect("scripts/systems/machine")
}

fn script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/systems").join(name))
}

fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02X}")).collect()
}

fn unhex(digits: &str) -> Vec<u8> {
    let pairs = digits.as_bytes().chunks(2).map(|pair| std::str::from_utf8(pair).expect("digits"));
    pairs.map(|pair| u8::from_str_radix(pair, 16).expect("digits of base 16")).collect()
}

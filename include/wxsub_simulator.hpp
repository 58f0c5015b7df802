/// wxsub::Simulator: a WeChat on loopback for a game's own tests, started and stopped with them. It is `wxsub simulator`,
/// of the operator's program of this release. For tests only: nothing of the library includes this file or starts it.
/// On Linux with a glibc before 2.34 link with -ldl.

#ifndef WXSUB_SIMULATOR_HPP
#define WXSUB_SIMULATOR_HPP

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#if defined(_WIN32)
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#else
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
extern "C" char **environ;
#endif

#include "wxsub.hpp"

namespace wxsub {

/// A WeChat that nobody else uses, on a free port of 127.0.0.1:
///
///   wxsub::Simulator wechat({"--grants", "1"});  // every player has accepted each template once
///   wxsub::Client client;
///   client.open(wechat.config().store(":memory:")).or_throw();
///
/// It ends with this object, and in any case with this process, also when that is killed. What it knows, and its faults,
/// are below url() + "/sim".
class Simulator {
 public:
  /// `options` are those of `wxsub simulator`. `program` is the path of wxsub; if empty: the environment's
  /// WXSUB_SIMULATOR, or what lies beside the library (as in the archives: in bin/ beside lib/), or on PATH.
  ///
  /// Throws std::runtime_error if it can't be started; what it said is on stderr.
  explicit Simulator(const std::vector<std::string> &options = {}, const std::string &program = "") {
    std::vector<std::string> command = {program.empty() ? find() : program};
    // The simulator alone is a program, too; else it is a part of the operator's.
    if (command[0].find("wxsub-simulator") == std::string::npos) command.push_back("simulator");
    command.push_back("--exit-with-stdin");
    command.insert(command.end(), options.begin(), options.end());
    start(command);
    const std::string wanted = "listening on ", line = first_line();
    if (line.compare(0, wanted.size(), wanted) != 0) {
      stop();
      throw std::runtime_error("wxsub: the simulator did not start: " + command[0] + "; what it said is on stderr");
    }
    url_ = line.substr(wanted.size());
  }
  Simulator(const Simulator &) = delete;
  Simulator &operator=(const Simulator &) = delete;
  ~Simulator() { stop(); }

  /// "http://127.0.0.1:PORT"
  const std::string &url() const noexcept { return url_; }
  /// A configuration with its address, appid and secret, as they are without options for them.
  Config config() const {
    return Config().appid("wx0000000000000000").secret("simulator-secret").api_base(url_);
  }

 private:
  static std::string find() {
    const char *named = std::getenv("WXSUB_SIMULATOR");
    if (named != nullptr && *named != '\0') return named;
    const std::string folder = library_folder();
    for (const char *place : {"/", "/../bin/", "/../"}) {
      const std::string path = folder + place + name();  // beside a build, of an installed prefix, of cargo's deps
      if (!folder.empty() && exists(path)) return path;
    }
    return name();
  }

  static bool exists(const std::string &path) {
    std::FILE *file = std::fopen(path.c_str(), "rb");
    if (file != nullptr) std::fclose(file);
    return file != nullptr;
  }

  // What the program said first, without the end of the line.
  std::string first_line() {
    std::string line;
    char one;
    while (line.size() < 256 && read_byte(one) && one != '\n') {
      if (one != '\r') line += one;
    }
    return line;
  }

#if defined(_WIN32)
  static const char *name() { return "wxsub.exe"; }

  static std::string library_folder() {
    HMODULE module = nullptr;
    const DWORD how = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    char path[MAX_PATH] = "";
    if (!GetModuleHandleExA(how, reinterpret_cast<const char *>(&wxsub_version), &module)) return "";
    const std::string whole(path, GetModuleFileNameA(module, path, sizeof path));
    const std::size_t end = whole.find_last_of("\\/");
    return end == std::string::npos ? "" : whole.substr(0, end);
  }

  // By the rules of Microsoft's C library: backslashes count before a quote only.
  static std::string quoted(const std::string &argument) {
    std::string text = "\"";
    std::size_t backslashes = 0;
    for (const char c : argument) {
      if (c == '"') text.append(backslashes + 1, '\\');
      backslashes = c == '\\' ? backslashes + 1 : 0;
      text += c;
    }
    return text.append(backslashes, '\\') + '"';
  }

  void start(const std::vector<std::string> &command) {
    std::string line;
    for (const std::string &argument : command) line += (line.empty() ? "" : " ") + quoted(argument);
    SECURITY_ATTRIBUTES inherited = {sizeof inherited, nullptr, TRUE};
    HANDLE its_stdin = nullptr, its_stdout = nullptr;
    if (!CreatePipe(&its_stdin, &to_, &inherited, 0) || !CreatePipe(&from_, &its_stdout, &inherited, 0) ||
        !SetHandleInformation(to_, HANDLE_FLAG_INHERIT, 0) || !SetHandleInformation(from_, HANDLE_FLAG_INHERIT, 0)) {
      throw std::runtime_error("wxsub: no pipe for the simulator");
    }
    STARTUPINFOA how = {};
    how.cb = sizeof how;
    how.dwFlags = STARTF_USESTDHANDLES;
    how.hStdInput = its_stdin;
    how.hStdOutput = its_stdout;
    how.hStdError = GetStdHandle(STD_ERROR_HANDLE);
    PROCESS_INFORMATION process = {};
    const BOOL started = CreateProcessA(nullptr, &line[0], nullptr, nullptr, TRUE, CREATE_NEW_PROCESS_GROUP, nullptr,
                                        nullptr, &how, &process);
    CloseHandle(its_stdin);
    CloseHandle(its_stdout);
    if (!started) {
      stop();
      throw std::runtime_error("wxsub: cannot start " + command[0] + ": set WXSUB_SIMULATOR to the simulator's path");
    }
    CloseHandle(process.hThread);
    process_ = process.hProcess;
  }

  bool read_byte(char &byte) {
    DWORD got = 0;
    return ReadFile(from_, &byte, 1, &got, nullptr) && got == 1;
  }

  void stop() noexcept {
    if (to_ != nullptr) CloseHandle(to_);
    if (process_ != nullptr) {
      if (WaitForSingleObject(process_, 10000) != WAIT_OBJECT_0) TerminateProcess(process_, 1);
      CloseHandle(process_);
    }
    if (from_ != nullptr) CloseHandle(from_);
    to_ = from_ = process_ = nullptr;
  }

  HANDLE process_ = nullptr, to_ = nullptr, from_ = nullptr;
#else
  static const char *name() { return "wxsub"; }

  static std::string library_folder() {
    Dl_info found;
    if (dladdr(reinterpret_cast<const void *>(&wxsub_version), &found) == 0 || found.dli_fname == nullptr) return "";
    const std::string whole = found.dli_fname;
    const std::size_t end = whole.find_last_of('/');
    return end == std::string::npos ? "" : whole.substr(0, end);
  }

  void start(const std::vector<std::string> &command) {
    int its_stdin[2] = {-1, -1}, its_stdout[2] = {-1, -1};
    if (pipe(its_stdin) != 0 || pipe(its_stdout) != 0) throw std::runtime_error("wxsub: no pipe for the simulator");
    to_ = its_stdin[1];
    from_ = its_stdout[0];
    // None of them for any other child: its stdin has to end with us.
    for (const int descriptor : {its_stdin[0], its_stdin[1], its_stdout[0], its_stdout[1]}) {
      fcntl(descriptor, F_SETFD, FD_CLOEXEC);
    }
    std::vector<char *> arguments;
    for (const std::string &argument : command) arguments.push_back(const_cast<char *>(argument.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, its_stdin[0], 0);
    posix_spawn_file_actions_adddup2(&actions, its_stdout[1], 1);
    // Ctrl-C in the terminal is for the tests, not for the WeChat that they still use; and it gets its own signals.
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setpgroup(&attributes, 0);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
    const int error = posix_spawnp(&process_, arguments[0], &actions, &attributes, arguments.data(), environ);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    close(its_stdin[0]);
    close(its_stdout[1]);
    if (error != 0) {
      process_ = -1;
      stop();
      throw std::runtime_error("wxsub: cannot start " + command[0] + ": " + std::strerror(error) +
                               ": set WXSUB_SIMULATOR to the simulator's path");
    }
  }

  bool read_byte(char &byte) {
    ssize_t got = -1;
    while ((got = read(from_, &byte, 1)) < 0 && errno == EINTR) {
    }
    return got == 1;
  }

  void stop() noexcept {
    if (to_ >= 0) close(to_);
    // It ends when its stdin does.
    while (process_ > 0 && waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
    if (from_ >= 0) close(from_);
    to_ = from_ = -1;
    process_ = -1;
  }

  pid_t process_ = -1;
  int to_ = -1, from_ = -1;
#endif

  std::string url_;
};

}  // namespace wxsub

#endif  // WXSUB_SIMULATOR_HPP

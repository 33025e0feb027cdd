import Control
import FoundationEssentials
import Glibc

/// The data folder: is it one, who may enter it, and what is the disk below it like.
enum FolderChecks {
    private static let leastFree: UInt64 = 256 << 20
    private static let comfortable: UInt64 = 2 << 30
    private static let syncs = 32

    static func run(_ path: String) -> [Check] {
        guard let folder = DataFolder.realPath(path) else {
            let reason = systemReason()
            return [
                Check(
                    "folder", .failed, "\(path): \(reason); make it with: sluice init --data \(path)",
                    stopsOpening: true)
            ]
        }
        guard unsafe access(ControlStore.path(in: folder), F_OK) == 0 else {
            return [
                Check(
                    "folder", .failed, "\(folder) holds no Sluice; make one with: sluice init --data \(path)",
                    stopsOpening: true)
            ]
        }
        return [Check("folder", .ok, folder), permissions(folder), space(folder), syncTime(folder), age(folder)]
    }

    private static func permissions(_ folder: String) -> Check {
        guard unsafe access(folder, R_OK | W_OK | X_OK) == 0 else {
            return Check(
                "permissions", .failed, "\(folder): \(systemReason()); run as the user that owns it", stopsOpening: true
            )
        }
        let attributes = try? FileManager.default.attributesOfItem(atPath: folder)
        guard let mode = attributes?[.posixPermissions] as? Int, mode & 0o077 == 0 else {
            return Check("permissions", .warning, "others may look into \(folder); better: chmod 700 \(folder)")
        }
        return Check("permissions", .ok, "only the owner may enter")
    }

    private static func space(_ folder: String) -> Check {
        var information = statvfs()
        // statvfs fills the struct that it is given.
        guard unsafe statvfs(folder, &information) == 0 else {
            return Check("disk", .failed, "\(folder): \(systemReason())")
        }
        let free = UInt64(information.f_bavail) * UInt64(information.f_frsize)
        let said = Text.bytes(Int64(clamping: free)) + " free"
        if free < leastFree { return Check("disk", .failed, "\(said): collection stops soon; make room") }
        return Check("disk", free < comfortable ? .warning : .ok, free < comfortable ? "\(said): make room" : said)
    }

    /// How long the disk takes to make 4 KiB safe: the least time that a reply to a collection call takes.
    private static func syncTime(_ folder: String) -> Check {
        let path = folder + "/.doctor-\(getpid())"
        // open is variadic in C; no pointer outlives the call.
        let descriptor = unsafe open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0 else { return Check("sync", .failed, "\(path): \(systemReason())") }
        defer {
            close(descriptor)
            unsafe unlink(path)
        }
        let block = [UInt8](repeating: 0x2e, count: 4096)
        var times: [Duration] = []
        for _ in 0..<syncs {
            let start = ContinuousClock.now
            do { try Terminal.write(block, to: descriptor) } catch {
                return Check("sync", .failed, "\(path): \(error)")
            }
            guard fdatasync(descriptor) == 0 else { return Check("sync", .failed, "\(path): \(systemReason())") }
            times.append(ContinuousClock.now - start)
        }
        times.sort()
        let micros = Int64(times[times.count / 2] / .microseconds(1))
        let said =
            "\(micros / 1000).\(String(1000 + micros % 1000).dropFirst()) ms to make 4 KiB safe (median of \(syncs))"
        return Check("sync", micros > 50_000 ? .warning : .ok, micros > 50_000 ? "\(said): a slow disk" : said)
    }

    /// Whether a file of the folder is from the future: then the clock has gone back since.
    private static func age(_ folder: String) -> Check {
        let ahead = FileTimes.newest(in: folder) - ClockCheck.seconds()
        guard ahead <= 60 else {
            return Check(
                "clock of the folder", .failed,
                "a file in it is \(ahead) seconds ahead of the clock; the clock has gone back")
        }
        return Check("clock of the folder", .ok, "no file is from the future")
    }
}

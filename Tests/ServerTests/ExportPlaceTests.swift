import Glibc
import Logging
import Model
import Testing

@testable import Control
@testable import Server

@Suite("What a run that was cut off left is removed, and never under a run that is at work")
struct ExportPlaceTests {
    private func write(_ path: String) throws { try PrivateFile.write(Array("ana".utf8), to: path) }

    /// A data folder, its control database, and the service without anything that runs.
    private func withService(_ body: (ExportService, ControlStore, String) async throws -> Void) async throws {
        try await DataFolder.with { folder in
            let control = try ControlStore(directory: folder.path)
            let configuration = ServerConfiguration(dataDirectory: folder.path)
            let logger = Logger.sluice(level: .critical)
            let projects = ProjectRegistry(
                configuration: configuration, control: control,
                webhooks: try WebhookService(configuration, control: control, logger: logger), logger: logger)
            let service = ExportService(
                control: control, projects: projects, audit: AuditLog(control), configuration: configuration,
                logger: logger)
            // As a project that is open has them.
            for path in ["/projects", "/projects/default"] { try Folder.make(folder.path + path) }
            try await body(service, control, folder.path)
        }
    }

    @Test("DELETE of an export that waits removes what an earlier run left of it")
    func cancelled() async throws {
        try await withService { service, control, directory in
            let own = try await control.createExport(project: "default", spec: "{}", resolved: "{}")
            let folder = service.folder(own)
            try Folder.make(FilePlace(path: folder).folder)
            try Folder.make(folder)
            try Folder.make(folder + "/kissmetrics")
            try write(folder + "/.events.csv.\(own.id).partial")
            try write(folder + "/kissmetrics/1.json")
            #expect(try await service.cancelOrRemove(own)?.status == .cancelled)
            #expect(!PrivateFile.exists(folder))

            let out = try await control.createExport(
                project: "default", spec: "{}", resolved: "{}", outPath: directory + "/a.csv")
            let partial = "\(directory)/.a.csv.\(out.id).partial"
            let others = ["\(directory)/.a.csv.exp_other.partial", "\(directory)/a.csv"]
            for path in others + [partial] { try write(path) }
            #expect(try await service.cancelOrRemove(out)?.status == .cancelled)
            #expect(!PrivateFile.exists(partial) && others.allSatisfy(PrivateFile.exists))
        }
    }

    @Test("A run begins in an empty folder, and keeps it until it ends")
    func begun() async throws {
        try await withService { service, control, _ in
            let record = try await control.createExport(project: "default", spec: "{}", resolved: "{}")
            let (places, folder) = (service.places, service.folder(record))
            #expect(!places.clear(record).found)
            try places.begin(record)
            try write(folder + "/sluice-state.json")
            places.end(record)
            try places.begin(record)
            #expect(Folder.names(folder).isEmpty && PrivateFile.exists(folder))
            try write(folder + "/events.csv")
            #expect(!places.clear(record).found)
            #expect(Folder.names(folder) == ["events.csv"])
            places.end(record)
            #expect(places.clear(record).found)
            #expect(!PrivateFile.exists(folder))
        }
    }
}

internal import Collect
internal import Control
internal import Logging
internal import Model

/// What every route can reach.
final class ServerState: Sendable {
    let configuration: ServerConfiguration
    let control: ControlStore
    let keys: KeyRing
    let projects: ProjectRegistry
    let exports: ExportService
    let erasures: ErasureService
    let backups: BackupService
    let audit: AuditLog
    let webhooks: WebhookService
    let pipelines: PipelineService
    let rates = RateLimits()
    let metrics = ServerMetrics()
    let unknownKeys = UnknownKeys()
    let bodies = BodyWatch()
    let members = MemberCache()
    let ids = IDGenerator()
    let logger: Logger
    let startedAt = SystemClock.now()

    init(
        configuration: ServerConfiguration, control: ControlStore, keys: KeyRing, projects: ProjectRegistry,
        exports: ExportService, erasures: ErasureService, backups: BackupService, audit: AuditLog,
        webhooks: WebhookService, pipelines: PipelineService, logger: Logger
    ) {
        self.configuration = configuration
        self.control = control
        self.keys = keys
        self.projects = projects
        self.exports = exports
        self.erasures = erasures
        self.backups = backups
        self.audit = audit
        self.webhooks = webhooks
        self.pipelines = pipelines
        self.logger = logger
    }

    /// The program's version, as it answers it.
    static let version = "0.1.0"
}

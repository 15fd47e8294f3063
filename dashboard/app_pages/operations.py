"""Operations & Monitoring: services, orchestration, batches, capacity and alerts."""

from dashboard import components as ui
from dashboard.operations_page.course import course
from dashboard.operations_page.orchestration import orchestration
from dashboard.operations_page.overview import overview
from dashboard.operations_page.services import services
from dashboard.operations_page.work import archives, work

ui.page("Operations & Monitoring", "Services, runs, backlog, capacity and alerts.")

ui.live(overview, "operations_overview")
ui.live(services, "operations_services_part")
ui.live(course, "operations_course")
ui.live(orchestration, "operations_orchestration")
ui.live(work, "operations_work")
ui.live(archives, "operations_archives_part")

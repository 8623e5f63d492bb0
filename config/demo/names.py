"""Names for made-up patients, by language."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Names:
    female: tuple[str, ...]
    male: tuple[str, ...]
    last: tuple[str, ...]
    two_last_names: bool = False


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_ENGLISH = Names(
    female=_words(
        "Abigail Alice Amanda Amber Angela Anna Ashley Barbara Betty Brenda Carol Catherine"
        " Charlotte Christine Claire Cynthia Deborah Denise Diana Donna Dorothy Eleanor Elizabeth"
        " Emily Emma Evelyn Faith Frances Gloria Grace Hannah Harriet Heather Helen Irene Jane"
        " Janet Jasmine Jennifer Joan Joyce Judith Julia Karen Katherine Keisha Kimberly Laura"
        " Lauren Linda Lisa Margaret Martha Mary Megan Michelle Monica Nancy Naomi Olivia Pamela"
        " Patricia Rachel Rebecca Ruth Samantha Sandra Sarah Sharon Sophia Stephanie Susan Teresa"
        " Tiffany Vanessa Victoria Virginia Wendy"
    ),
    male=_words(
        "Aaron Adam Albert Alexander Andrew Anthony Arthur Benjamin Brandon Brian Bruce Carl"
        " Charles Christopher Daniel David Dennis Donald Douglas Edward Eric Ethan Eugene Frank"
        " Gabriel Gary George Gerald Gregory Harold Henry Howard Isaac Jack Jacob James Jason"
        " Jeffrey Jeremy John Jonathan Joseph Joshua Justin Keith Kenneth Kevin Larry Lawrence"
        " Leonard Logan Louis Marcus Mark Martin Matthew Michael Nathan Nicholas Noah Patrick Paul"
        " Peter Philip Ralph Raymond Richard Robert Roger Ronald Roy Russell Ryan Samuel Scott"
        " Stephen Terrence Thomas Timothy Tyler Vincent Walter William Zachary"
    ),
    last=_words(
        "Adams Allen Anderson Bailey Baker Barnes Bell Bennett Brooks Brown Bryant Butler Campbell"
        " Carter Clark Coleman Collins Cook Cooper Cox Davis Dixon Edwards Ellis Evans Fisher"
        " Ford Foster Fox Freeman Gibson Graham Gray Green Griffin Hall Hamilton Harris Harrison"
        " Hayes Henderson Hill Holmes Howard Hughes Hunt Jackson James Jenkins Johnson Jones"
        " Jordan Kelly Kennedy King Knight Lewis Long Marshall Mason McDonald Miller Mitchell"
        " Moore Morgan Morris Murphy Murray Nelson Owens Palmer Parker Patterson Perry Peterson"
        " Phillips Porter Powell Price Reed Reynolds Richardson Roberts Robinson Rogers Ross"
        " Russell Sanders Scott Shaw Simmons Simpson Smith Stevens Stewart Stone Sullivan Taylor"
        " Thomas Thompson Tucker Turner Walker Wallace Ward Washington Watson Webb Wells West"
        " White Williams Wilson Wood Wright Young"
    ),
)
_SPANISH = Names(
    female=_words(
        "Adriana Alejandra Alicia Ana Beatriz Camila Carmen Carolina Claudia Cristina Daniela"
        " Dolores Elena Esperanza Fernanda Gabriela Guadalupe Inés Isabel Josefina Juana Lucía Luz"
        " Marisol María Mercedes Mónica Natalia Patricia Paula Pilar Raquel Rosa Sofía Teresa"
        " Valentina Verónica Ximena Yolanda"
    ),
    male=_words(
        "Alberto Alejandro Andrés Antonio Arturo Carlos César Cristian Diego Eduardo Emilio"
        " Enrique Esteban Felipe Fernando Francisco Gerardo Guillermo Héctor Hugo Ignacio Javier"
        " Jesús Joaquín Jorge José Juan Julio Luis Manuel Marcos Mateo Miguel Óscar Pablo Pedro"
        " Rafael Ramón Raúl Ricardo Roberto Rubén Salvador Santiago Sergio Víctor"
    ),
    last=_words(
        "Aguilar Álvarez Campos Castillo Castro Chávez Contreras Cruz Delgado Díaz Domínguez"
        " Espinoza Fernández Flores Fuentes Gallegos García Garza Gómez González Guerrero"
        " Gutiérrez Guzmán Hernández Herrera Jiménez Juárez León López Luna Martínez Medina"
        " Mendoza Molina Morales Moreno Muñoz Navarro Núñez Ortega Ortiz Peña Pérez Ramírez Ramos"
        " Reyes Ríos Rivera Rodríguez Rojas Romero Ruiz Salazar Sánchez Sandoval Santos Silva Soto"
        " Torres Valdez Vargas Vázquez Vega Velasco"
    ),
    two_last_names=True,
)
_VIETNAMESE = Names(
    female=_words(
        "Ánh Bích Châu Cúc Diễm Dung Giang Hà Hạnh Hiền Hoa Hồng Hương Huyền Khanh Kim Lan Linh"
        " Loan Mai Minh My Nga Ngân Ngọc Nhi Nhung Oanh Phương Quyên Thanh Thảo Thu Thủy Trang"
        " Trinh Tuyết Vân Xuân Yến"
    ),
    male=_words(
        "An Anh Bảo Bình Cường Đạt Dũng Đức Duy Hải Hiếu Hoàng Hùng Huy Khánh Khoa Kiên Lâm Long"
        " Minh Nam Nghĩa Nhân Phong Phúc Quân Quang Quốc Sơn Tài Tâm Thắng Thành Thiện Tiến Toàn"
        " Trí Trung Tuấn Tùng Việt Vinh"
    ),
    last=_words(
        "Bùi Cao Đặng Đinh Đỗ Dương Hồ Hoàng Huỳnh Lâm Lê Lương Lý Mai Ngô Nguyễn Phạm Phan Tạ"
        " Tô Trần Trịnh Trương Võ Vũ"
    ),
)

NAMES = {"English": _ENGLISH, "Spanish": _SPANISH, "Vietnamese": _VIETNAMESE}
